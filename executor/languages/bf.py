from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="bf",
    source_file=SourceFile("main.bf", extensions=("bf", "b")),
    tools={"beef": ("/usr/bin/beef",)},
    run=RunCommand(("{beef}", "{source}")),
    # beef cannot print its version.
    version=("/bin/sh", "-c", "{beef} --help >/dev/null && echo beef"),
    sample=(
        "++++++++++[>+++++++>++++++++++>+++>+++>+<<<<<-]\n"
        ">++.>+.+++++++..+++.>++++++++++++++.>++.<<++++++++.--------.+++.------.--------.>>+.>.\n"
    ),
    reference=Reference(",[.,]\n", output="world\n"),
)
