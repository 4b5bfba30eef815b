from executor.languages.base import Forked, Language, Reference, Run, SourceFile

_MODULES = (
    "import pkgutil, sys; print(*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules()),"
    " 'sitecustomize', 'usercustomize', sep='\\n')"
)

LANGUAGE = Language(
    code="py",
    name="Python",
    # Python looks for modules in the script's folder first, so a `random.py` would replace the standard module.
    source_file=SourceFile("main.py", extensions=("py",), reserved=("{python}", "-c", _MODULES)),
    tools={"python": ("/usr/bin/python3", "/usr/local/bin/python3")},
    run=Run(("{python}", "{source}"), warm=Forked(("{python}", "/box/zygote.py")), out_of_memory=b"\nMemoryError"),
    version=("{python}", "--version"),
    sample='print("Hello, world!")\n',
    reference=Reference("print(f'Hello, {input()}!')\n"),
)
