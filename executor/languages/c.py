from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="c",
    name="C",
    names=Names("main.c"),
    tools={"gcc": ("/usr/bin/gcc",)},
    compile=("{gcc}", "-std=gnu17", "-O2", "-pipe", "-o", "main", "{source}", "-lm"),
    run=("/box/work/main",),
    version=("{gcc}", "--version"),
    reference=Reference(
        '#include <stdio.h>\nint main(void) { char name[80]; scanf("%79s", name); printf("Hello, %s!\\n", name); }\n'
    ),
)
