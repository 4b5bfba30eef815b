from executor.languages.base import Compile, Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="pas",
    name="Pascal",
    # Always this name. A source with the name of a unit would hide the unit, because its folder is searched first.
    source_file=SourceFile("main.pas"),
    tools={"fpc": ("/usr/bin/fpc",)},
    compile=Compile(("{fpc}", "-v0ew", "-omain", "{source}")),
    run=Run(("/box/work/main",)),
    version=("{fpc}", "-iV"),
    reference=Reference(
        "program Greeting;\nvar name: string;\nbegin\n  readln(name);\n  writeln('Hello, ', name, '!');\nend.\n"
    ),
)
