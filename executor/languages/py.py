from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="py",
    name="Python",
    names=Names("main.py"),
    tools={"python": ("/usr/bin/python3", "/usr/local/bin/python3")},
    run=("{python}", "{source}"),
    version=("{python}", "--version"),
    reference=Reference("print(f'Hello, {input()}!')\n"),
    out_of_memory=b"\nMemoryError",
    nursery=("{python}", "/box/nursery.py"),
)
