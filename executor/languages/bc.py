from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="bc",
    source_file=SourceFile("main.bc", extensions=("bc",), unix_line_ends=True),
    tools={"bc": ("/usr/bin/bc",)},
    run=RunCommand(("{bc}", "-q", "{source}")),
    sample='print "Hello, world!\\n"\nquit\n',
    reference=Reference('print "Hello, ", read(), "!\\n"\nquit\n', input="42\n", output="Hello, 42!\n"),
)
