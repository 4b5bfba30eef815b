from executor.languages import _gcc_options, _gold
from executor.languages.base import (
    ARGS,
    COMPANIONS,
    Compile,
    CompilerVariant,
    Headers,
    LanguageDefinition,
    Prebuilt,
    Reference,
    RunCommand,
    SourceFile,
)

#: The compiler's own standard and optimisation (ADR 17). GCC uses a precompiled header only if it was compiled with
#: the same flags.
_GXX = ("{gxx}", "-pipe")

LANGUAGE = LanguageDefinition(
    code="cpp",
    source_file=SourceFile("main.cpp", extensions=("cpp", "cc", "cxx")),
    tools={"gxx": ("/usr/bin/g++",)},
    compile=Compile(
        (*_GXX, "{headers}", *_gold.WORDS, ARGS, "{include}", "-o", "{output}", "{source}", COMPANIONS),
        options=_gold.OPTIONS,
        companions="all",
        allowed=(
            *_gcc_options.COMMON, "-ansi", "-Wold-style-cast", "-Woverloaded-virtual*", "-Wnon-virtual-dtor",
            "-Weffc++", "-fno-exceptions", "-fno-rtti", "-fconcepts", "-fcoroutines", "-fconstexpr-*",
            "-ftemplate-depth=*",
        ),
        variants=(
            CompilerVariant("cpp17", "C++17", ("-std=c++17",), since=8),
            CompilerVariant("cpp20", "C++20", ("-std=c++20",), since=10),
            CompilerVariant("cpp23", "C++23", ("-std=c++23",), since=11),
        ),
        driver=True,
        headers=Headers(
            names=("iostream", "bits/stdc++.h"),
            command=(*_GXX, "{plugin}", "-x", "c++-header", "-MD", "-MF", "made.d", "-o", "made.gch", "{source}"),
            plugin=Prebuilt(
                "made.so",
                ("{gxx}", "-x", "c", "-O2", "-fPIC", "-shared", "-o", "made.so", "instantiate.c"),
                sources=("instantiate.c",),
            ),
        ),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"std::bad_alloc"),
    sample='#include <iostream>\n\nint main() {\n    std::cout << "Hello, world!\\n";\n}\n',
    reference=Reference(
        "#include <iostream>\n"
        'int main() { std::string name; std::cin >> name; std::cout << "Hello, " << name << "!\\n"; }\n'
    ),
)  # fmt: skip
