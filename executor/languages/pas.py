from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="pas",
    name="Pascal",
    # Always this name: in the file's folder, the compiler finds a source by the name of a unit before the unit itself.
    names=Names("main.pas"),
    tools={"fpc": ("/usr/bin/fpc",)},
    compile=("{fpc}", "-v0ew", "-omain", "{source}"),
    run=("/box/work/main",),
    version=("{fpc}", "-iV"),
    reference=Reference(
        "program Greeting;\nvar name: string;\nbegin\n  readln(name);\n  writeln('Hello, ', name, '!');\nend.\n"
    ),
)
