from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="prolog",
    source_file=SourceFile("main.pro", extensions=("pro", "prolog")),
    tools={"swipl": ("/usr/bin/swipl",)},
    # The program says what it runs: `:- initialization(main, main).`
    run=RunCommand(
        # With `--on-error=status`, a program that prints an error does not end well: an exception, or one of syntax.
        ("{swipl}", "--stack-limit={memory_mib}m", "--on-error=status", "-t", "halt", "{source}"),
        out_of_memory=b"Stack limit (",
    ),
    sample=":- initialization(main, main).\n\nmain :-\n    writeln('Hello, world!').\n",
    reference=Reference(
        ":- initialization(main, main).\n\nmain :-\n    read_line_to_string(user_input, Name),\n"
        '    format("Hello, ~s!~n", [Name]).\n'
    ),
)
