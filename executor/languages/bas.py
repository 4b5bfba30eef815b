from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="bas",
    source_file=SourceFile("main.bas", extensions=("bas", "yab")),
    tools={"yabasic": ("/usr/bin/yabasic",)},
    run=Run(("{yabasic}", "{source}")),
    version=("{yabasic}", "--version"),
    sample='print "Hello, world!"\n',
    reference=Reference('line input "" name$\nprint "Hello, ", name$, "!"\n'),
)
