from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="zsh",
    source_file=SourceFile("main.zsh", extensions=("zsh",), unix_line_ends=True),
    tools={"zsh": ("/usr/bin/zsh", "/bin/zsh")},
    run=Run(("{zsh}", "{source}")),
    version=("{zsh}", "--version"),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
