from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="zsh",
    source_file=SourceFile("main.zsh", extensions=("zsh",), unix_line_ends=True),
    tools={"zsh": ("/usr/bin/zsh", "/bin/zsh")},
    run=RunCommand(("{zsh}", "{source}")),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
