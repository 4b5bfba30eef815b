from executor.languages.base import Language, Names, Reference
from executor.languages.gold import GOLD

LANGUAGE = Language(
    code="c",
    name="C",
    names=Names("main.c"),
    tools={"gcc": ("/usr/bin/gcc",)},
    options={"gold": GOLD},
    compile=("{gcc}", "-std=gnu17", "-O2", "-pipe", "{gold}", "-o", "main", "{source}", "-lm"),
    run=("/box/work/main",),
    version=("{gcc}", "--version"),
    reference=Reference(
        '#include <stdio.h>\nint main(void) { char name[80]; scanf("%79s", name); printf("Hello, %s!\\n", name); }\n'
    ),
)
