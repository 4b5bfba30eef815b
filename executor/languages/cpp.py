from executor.languages import _gold
from executor.languages.base import Language, Making, Names, Reference

#: The compiler's own standard and optimisation (ADR 112). GCC takes a precompiled header only where it was made with
#: the same flags.
_GXX = ("{gxx}", "-pipe")

LANGUAGE = Language(
    code="cpp",
    name="C++",
    names=Names("main.cpp"),
    extensions=("cpp", "cc", "cxx"),
    tools={"gxx": ("/usr/bin/g++",)},
    options=_gold.OPTIONS,
    has_driver=True,
    compile=(*_GXX, "{headers}", *_gold.WORDS, "-o", "main", "{source}"),
    headers=("iostream", "bits/stdc++.h"),
    precompile=(*_GXX, "{plugin}", "-x", "c++-header", "-MD", "-MF", "made.d", "-o", "made.gch", "{source}"),
    plugin=Making(
        "made.so", ("{gxx}", "-x", "c", "-O2", "-fPIC", "-shared", "-o", "made.so", "instantiate.c"), ("instantiate.c",)
    ),
    run=("/box/work/main",),
    version=("{gxx}", "--version"),
    reference=Reference(
        "#include <iostream>\n"
        'int main() { std::string name; std::cin >> name; std::cout << "Hello, " << name << "!\\n"; }\n'
    ),
    out_of_memory=b"std::bad_alloc",
)
