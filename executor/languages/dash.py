from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="dash",
    source_file=SourceFile("main.sh", extensions=("sh",), unix_line_ends=True),
    tools={"dash": ("/usr/bin/dash", "/bin/dash")},
    run=RunCommand(("{dash}", "{source}")),
    # Dash cannot print its version.
    version=("{dash}", "-c", "echo dash"),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
