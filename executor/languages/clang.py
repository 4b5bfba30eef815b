from executor.languages import _gcc_options
from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, SourceFile
from executor.languages.c import LANGUAGE as C

LANGUAGE = LanguageDefinition(
    code="clang",
    source_file=SourceFile("main.c", extensions=("c",)),
    tools={"clang": ("/usr/bin/clang",)},
    compile=Compile(
        ("{clang}", ARGS, "{include}", "-o", "{output}", "{source}", COMPANIONS, "-lm"),
        companions="all",
        allowed=_gcc_options.COMMON,
    ),
    sample=C.sample,
    reference=C.reference,
)
