from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="d",
    # The name is fixed, because a module is named after its file.
    source_file=SourceFile("main.d"),
    tools={"ldc2": ("/usr/bin/ldc2",)},
    compile=Compile(
        ("{ldc2}", ARGS, "-of={output}", "{source}", COMPANIONS),
        companions="all",
        allowed=(
            "-O", "-O0", "-O1", "-O2", "-O3", "-release", "-g", "-w", "-wi", "-unittest", "-de", "-dw",
            "-d-version=*", "-preview=*", "-boundscheck=*", "-checkaction=*",
        ),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"core.exception.OutOfMemoryError"),
    sample='import std.stdio;\n\nvoid main()\n{\n    writeln("Hello, world!");\n}\n',
    reference=Reference(
        'import std.stdio, std.string;\n\nvoid main()\n{\n    writefln("Hello, %s!", readln().strip());\n}\n'
    ),
)  # fmt: skip
