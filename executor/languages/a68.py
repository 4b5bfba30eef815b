from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="a68",
    source_file=SourceFile("main.a68"),
    tools={"a68g": ("/usr/bin/a68g",)},
    run=Run(("{a68g}", "{source}")),
    version=("{a68g}", "--version"),
    sample='print(("Hello, world!", new line))\n',
    reference=Reference('STRING name;\nread((name, new line));\nprint(("Hello, ", name, "!", new line))\n'),
)
