from executor.languages import _gcc_options
from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, RunCommand, SourceFile
from executor.languages.cpp import LANGUAGE as CPP

LANGUAGE = LanguageDefinition(
    code="clangpp",
    source_file=SourceFile("main.cpp", extensions=("cpp", "cc", "cxx")),
    tools={"clang": ("/usr/bin/clang++",)},
    compile=Compile(
        ("{clang}", ARGS, "{include}", "-o", "{output}", "{source}", COMPANIONS),
        companions="all",
        allowed=(*_gcc_options.COMMON, "-fno-exceptions", "-fno-rtti"),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"std::bad_alloc"),
    sample=CPP.sample,
    reference=CPP.reference,
)
