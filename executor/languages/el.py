from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="el",
    source_file=SourceFile("main.el"),
    tools={"emacs": ("/usr/bin/emacs",)},
    run=RunCommand(
        ("{emacs}", "--quick", "--script", "{source}"), extra_memory=64 << 20, out_of_memory=b"Memory exhausted"
    ),
    sample='(princ "Hello, world!\\n")\n',
    reference=Reference('(princ (format "Hello, %s!\\n" (read-string "")))\n'),
)
