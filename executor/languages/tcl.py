from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="tcl",
    source_file=SourceFile("main.tcl", extensions=("tcl",)),
    tools={"tclsh": ("/usr/bin/tclsh",)},
    run=RunCommand(("{tclsh}", "{source}")),
    version=("/bin/sh", "-c", "echo 'puts \"Tcl [info patchlevel]\"' | {tclsh}"),
    sample='puts "Hello, world!"\n',
    reference=Reference('puts "Hello, [gets stdin]!"\n'),
)
