from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="awk",
    source_file=SourceFile("main.awk", extensions=("awk",)),
    tools={"awk": ("/usr/bin/gawk",)},
    run=RunCommand(("{awk}", "-f", "{source}")),
    sample='BEGIN { print "Hello, world!" }\n',
    reference=Reference('{ print "Hello, " $0 "!" }\n'),
)
