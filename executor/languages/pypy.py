from executor.languages.base import Language, Reference, Run, SourceFile
from executor.languages.py import LANGUAGE as PYTHON

LANGUAGE = Language(
    code="pypy",
    source_file=SourceFile("main.py", extensions=("py",), reserved=PYTHON.source_file.reserved),
    tools={"python": ("/usr/bin/pypy3",)},
    run=Run(("{python}", "{source}"), out_of_memory=b"\nMemoryError"),
    version=("{python}", "--version"),
    sample=PYTHON.sample,
    reference=Reference("print(f'Hello, {input()}!')\n"),
)
