from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="scm",
    source_file=SourceFile("main.scm", extensions=("scm", "ss")),
    tools={"guile": ("/usr/bin/guile",)},
    run=Run(("{guile}", "--no-auto-compile", "{source}")),
    version=("{guile}", "--version"),
    sample='(display "Hello, world!")\n(newline)\n',
    reference=Reference('(use-modules (ice-9 rdelim))\n(format #t "Hello, ~a!~%" (read-line))\n'),
)
