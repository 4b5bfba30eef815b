from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="bas",
    source_file=SourceFile("main.bas", extensions=("bas", "yab")),
    tools={"yabasic": ("/usr/bin/yabasic",)},
    run=RunCommand(("{yabasic}", "{source}")),
    sample='print "Hello, world!"\n',
    reference=Reference('line input "" name$\nprint "Hello, ", name$, "!"\n'),
)
