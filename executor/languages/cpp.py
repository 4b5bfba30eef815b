from executor.languages.base import Language, Names, Reference
from executor.languages.gold import GOLD

LANGUAGE = Language(
    code="cpp",
    name="C++",
    names=Names("main.cpp"),
    tools={"gxx": ("/usr/bin/g++",)},
    options={"gold": GOLD},
    compile=("{gxx}", "-std=gnu++20", "-O2", "-pipe", "{gold}", "-o", "main", "{source}"),
    run=("/box/work/main",),
    version=("{gxx}", "--version"),
    reference=Reference(
        "#include <iostream>\n"
        'int main() { std::string name; std::cin >> name; std::cout << "Hello, " << name << "!\\n"; }\n'
    ),
    out_of_memory=b"std::bad_alloc",
)
