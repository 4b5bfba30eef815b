from executor.languages import _gcc_options, _gold
from executor.languages.base import (
    ARGS,
    COMPANIONS,
    Compile,
    CompilerVariant,
    LanguageDefinition,
    Reference,
    SourceFile,
)

LANGUAGE = LanguageDefinition(
    code="c",
    source_file=SourceFile("main.c", extensions=("c",)),
    tools={"gcc": ("/usr/bin/gcc",)},
    # The compiler's own standard and optimisation (ADR 17). Without `-fno-canonical...` GCC resolves the whole path of
    # every header.
    compile=Compile(
        (
            "{gcc}", "-pipe", "-fno-canonical-system-headers", *_gold.WORDS, ARGS, "{include}", "-o", "{output}",
            "{source}", COMPANIONS, "-lm",
        ),
        options=_gold.OPTIONS,
        companions="all",
        allowed=(*_gcc_options.COMMON, "-ansi", "-fsigned-char", "-funsigned-char"),
        variants=(
            CompilerVariant("c11", "C11", ("-std=c11",), since=5),
            CompilerVariant("c17", "C17", ("-std=c17",), since=8),
            # The only name before GCC 14, which also knows it.
            CompilerVariant("c23", "C23", ("-std=c2x",), since=9),
        ),
        driver=True,
    ),
    sample='#include <stdio.h>\n\nint main(void) {\n    puts("Hello, world!");\n}\n',
    reference=Reference(
        '#include <stdio.h>\nint main(void) { char name[80]; scanf("%79s", name); printf("Hello, %s!\\n", name); }\n'
    ),
)  # fmt: skip
