from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="bf",
    source_file=SourceFile("main.bf", extensions=("bf", "b")),
    tools={"beef": ("/usr/bin/beef",)},
    run=Run(("{beef}", "{source}")),
    # beef cannot print its version.
    version=("/bin/sh", "-c", "{beef} --help >/dev/null && echo beef"),
    sample=(
        "++++++++++[>+++++++>++++++++++>+++>+++>+<<<<<-]\n"
        ">++.>+.+++++++..+++.>++++++++++++++.>++.<<++++++++.--------.+++.------.--------.>>+.>.\n"
    ),
    reference=Reference(",[.,]\n", output="world\n"),
)
