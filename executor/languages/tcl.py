from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="tcl",
    source_file=SourceFile("main.tcl", extensions=("tcl",)),
    tools={"tclsh": ("/usr/bin/tclsh",)},
    run=Run(("{tclsh}", "{source}")),
    version=("/bin/sh", "-c", "echo 'puts \"Tcl [info patchlevel]\"' | {tclsh}"),
    sample='puts "Hello, world!"\n',
    reference=Reference('puts "Hello, [gets stdin]!"\n'),
)
