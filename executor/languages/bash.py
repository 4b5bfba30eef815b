from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="bash",
    source_file=SourceFile("main.sh", extensions=("sh", "bash"), unix_line_ends=True),
    tools={"bash": ("/usr/bin/bash", "/bin/bash")},
    run=RunCommand(("{bash}", "{source}")),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
