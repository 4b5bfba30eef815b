from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="bash",
    name="Bash",
    names=Names("main.sh"),
    extensions=("sh", "bash"),
    strict_line_ends=True,
    tools={"bash": ("/usr/bin/bash", "/bin/bash")},
    run=("{bash}", "{source}"),
    version=("{bash}", "--version"),
    reference=Reference('read -r name\necho "Hello, $name!"\n'),
)
