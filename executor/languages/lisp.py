from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="lisp",
    source_file=SourceFile("main.lisp", extensions=("lisp", "lsp", "cl")),
    tools={"sbcl": ("/usr/bin/sbcl", "/usr/local/bin/sbcl")},
    run=RunCommand(
        ("{sbcl}", "--dynamic-space-size", "{memory_mib}MB", "--script", "{source}"),
        extra_memory=64 << 20,
        out_of_memory=b"Heap exhausted",
    ),
    sample='(write-line "Hello, world!")\n',
    reference=Reference('(format t "Hello, ~a!~%" (read-line))\n'),
)
