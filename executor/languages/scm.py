from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="scm",
    source_file=SourceFile("main.scm", extensions=("scm", "ss")),
    tools={"guile": ("/usr/bin/guile",)},
    run=RunCommand(("{guile}", "--no-auto-compile", "{source}")),
    sample='(display "Hello, world!")\n(newline)\n',
    reference=Reference('(use-modules (ice-9 rdelim))\n(format #t "Hello, ~a!~%" (read-line))\n'),
)
