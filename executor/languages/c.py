from executor.languages import _gold
from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="c",
    name="C",
    names=Names("main.c"),
    extensions=("c",),
    tools={"gcc": ("/usr/bin/gcc",)},
    options=_gold.OPTIONS,
    has_driver=True,
    reads_ahead=True,
    # The compiler's own standard and optimisation (ADR 112). Without `-fno-canonical...` GCC follows every part of
    # every header's path, to find the name that it has.
    compile=("{gcc}", "-pipe", "-fno-canonical-system-headers", *_gold.WORDS, "-o", "main", "{source}", "-lm"),
    run=("/box/work/main",),
    version=("{gcc}", "--version"),
    reference=Reference(
        '#include <stdio.h>\nint main(void) { char name[80]; scanf("%79s", name); printf("Hello, %s!\\n", name); }\n'
    ),
)
