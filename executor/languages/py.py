from executor.languages.base import Language, Names, Reference

_MODULES = (
    "import pkgutil, sys; print(*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules()),"
    " 'sitecustomize', 'usercustomize', sep='\\n')"
)

LANGUAGE = Language(
    code="py",
    name="Python",
    names=Names("main.py"),
    extensions=("py",),
    # A script's folder is the first in which Python looks for modules: a `random.py` would take the place of theirs.
    reserved=("{python}", "-c", _MODULES),
    tools={"python": ("/usr/bin/python3", "/usr/local/bin/python3")},
    run=("{python}", "{source}"),
    version=("{python}", "--version"),
    reference=Reference("print(f'Hello, {input()}!')\n"),
    out_of_memory=b"\nMemoryError",
    zygote=("{python}", "/box/zygote.py"),
)
