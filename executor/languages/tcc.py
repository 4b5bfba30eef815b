from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, SourceFile
from executor.languages.c import LANGUAGE as C

LANGUAGE = LanguageDefinition(
    code="tcc",
    source_file=SourceFile("main.c", extensions=("c",)),
    tools={"tcc": ("/usr/bin/tcc",)},
    compile=Compile(
        ("{tcc}", "-I.", ARGS, "-o", "{output}", "{source}", COMPANIONS, "-lm"),
        companions="all",
        allowed=("-std=*", "-g", "-b", "-D*", "-U*", "-Wall", "-Werror", "-w", "-funsigned-char", "-fsigned-char"),
    ),
    version=("{tcc}", "-v"),
    sample=C.sample,
    reference=C.reference,
)
