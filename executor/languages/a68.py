from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="a68",
    source_file=SourceFile("main.a68"),
    tools={"a68g": ("/usr/bin/a68g",)},
    run=RunCommand(("{a68g}", "{source}")),
    sample='print(("Hello, world!", new line))\n',
    reference=Reference('STRING name;\nread((name, new line));\nprint(("Hello, ", name, "!", new line))\n'),
)
