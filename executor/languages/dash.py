from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="dash",
    source_file=SourceFile("main.sh", extensions=("sh",), unix_line_ends=True),
    tools={"dash": ("/usr/bin/dash", "/bin/dash")},
    run=Run(("{dash}", "{source}")),
    # Dash cannot print its version.
    version=("{dash}", "-c", "echo dash"),
    sample='echo "Hello, world!"\n',
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
