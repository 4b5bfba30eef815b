from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="el",
    source_file=SourceFile("main.el"),
    tools={"emacs": ("/usr/bin/emacs",)},
    run=Run(("{emacs}", "--quick", "--script", "{source}"), extra_memory=64 << 20, out_of_memory=b"Memory exhausted"),
    version=("{emacs}", "--version"),
    sample='(princ "Hello, world!\\n")\n',
    reference=Reference('(princ (format "Hello, %s!\\n" (read-string "")))\n'),
)
