from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="bash",
    source_file=SourceFile("main.sh", extensions=("sh", "bash"), unix_line_ends=True),
    tools={"bash": ("/usr/bin/bash", "/bin/bash")},
    run=Run(("{bash}", "{source}")),
    version=("{bash}", "--version"),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
