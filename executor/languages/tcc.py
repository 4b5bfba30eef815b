from executor.languages.base import ARGS, COMPANIONS, Compile, Language, Run, SourceFile
from executor.languages.c import LANGUAGE as C

LANGUAGE = Language(
    code="tcc",
    source_file=SourceFile("main.c", extensions=("c",)),
    tools={"tcc": ("/usr/bin/tcc",)},
    compile=Compile(
        ("{tcc}", "-I.", ARGS, "-o", "{output}", "{source}", COMPANIONS, "-lm"),
        companions="all",
        allowed=("-std=*", "-g", "-b", "-D*", "-U*", "-Wall", "-Werror", "-w", "-funsigned-char", "-fsigned-char"),
    ),
    run=Run(("/box/work/{output}",)),
    version=("{tcc}", "-v"),
    sample=C.sample,
    reference=C.reference,
)
