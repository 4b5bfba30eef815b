from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="awk",
    source_file=SourceFile("main.awk", extensions=("awk",)),
    tools={"awk": ("/usr/bin/gawk",)},
    run=Run(("{awk}", "-f", "{source}")),
    version=("{awk}", "--version"),
    sample='BEGIN { print "Hello, world!" }\n',
    reference=Reference('{ print "Hello, " $0 "!" }\n'),
)
