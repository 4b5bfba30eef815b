from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from executor.languages.py import LANGUAGE as PYTHON

LANGUAGE = LanguageDefinition(
    code="pypy",
    source_file=SourceFile("main.py", extensions=("py",), reserved=PYTHON.source_file.reserved),
    tools={"python": ("/usr/bin/pypy3",)},
    run=RunCommand(("{python}", "{source}"), out_of_memory=b"\nMemoryError"),
    sample=PYTHON.sample,
    reference=Reference("print(f'Hello, {input()}!')\n"),
)
