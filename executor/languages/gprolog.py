from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="gprolog",
    source_file=SourceFile("main.pro", extensions=("pro", "prolog")),
    tools={"gplc": ("/usr/bin/gplc",)},
    # The program says what it runs: `:- initialization(main).`
    compile=Compile(
        ("{gplc}", "--no-top-level", ARGS, "-o", "{output}", "{source}", COMPANIONS),
        companions="all",
        allowed=("--min-size", "--no-fd-lib", "--no-susp-warn", "--no-singl-warn", "--fast-math"),
    ),
    sample=":- initialization(main).\n\nmain :-\n    write('Hello, world!'), nl.\n",
    reference=Reference(
        ":- initialization(main).\n\nline([]) :- peek_char(end_of_file), !.\nline([]) :- peek_char('\\n'), !.\n"
        "line([C|Rest]) :- get_char(C), line(Rest).\n\n"
        "main :-\n    line(Line), atom_chars(Name, Line), format('Hello, ~w!~n', [Name]).\n"
    ),
)  # fmt: skip
