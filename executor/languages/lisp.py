from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="lisp",
    source_file=SourceFile("main.lisp", extensions=("lisp", "lsp", "cl")),
    tools={"sbcl": ("/usr/bin/sbcl", "/usr/local/bin/sbcl")},
    run=Run(
        ("{sbcl}", "--dynamic-space-size", "{memory_mib}MB", "--script", "{source}"),
        extra_memory=64 << 20,
        out_of_memory=b"Heap exhausted",
    ),
    version=("{sbcl}", "--version"),
    sample='(write-line "Hello, world!")\n',
    reference=Reference('(format t "Hello, ~a!~%" (read-line))\n'),
)
