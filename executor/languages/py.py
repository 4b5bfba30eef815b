from typing import Final

from executor.languages.base import ForkedRuntime, LanguageDefinition, Reference, RunCommand, SourceFile

_MODULES = (
    "import pkgutil, sys; print(*sys.stdlib_module_names, *(module.name for module in pkgutil.iter_modules()),"
    " 'sitecustomize', 'usercustomize', sep='\\n')"
)
#: The folder of the operator's packages. Python looks there after its own modules, and before Debian's packages.
USER_BASE: Final = "/libraries/python"
#: Modules that take long to import. Their only state that depends on when they were imported is NumPy's global
#: generator of random numbers, which the zygote seeds again (`executor.sandbox.zygote.python`). Without threads for
#: BLAS, they start none.
_SLOW_IMPORTS: Final = (
    "numpy", "numpy.random", "pandas", "matplotlib.pyplot", "matplotlib.backends.backend_agg",
    *(f"scipy.{name}" for name in ("integrate", "interpolate", "linalg", "optimize", "signal", "sparse", "spatial",
                                   "special", "stats")),
)  # fmt: skip

LANGUAGE = LanguageDefinition(
    code="py",
    # Python looks for modules in the script's folder first, so a `random.py` would replace the standard module.
    source_file=SourceFile("main.py", extensions=("py",), reserved=("{python}", "-c", _MODULES)),
    tools={"python": ("/usr/bin/python3", "/usr/local/bin/python3")},
    run=RunCommand(
        ("{python}", "{source}"),
        warm=ForkedRuntime(("{python}", "/box/zygote.py"), imports=_SLOW_IMPORTS),
        out_of_memory=b"\nMemoryError",
    ),
    import_modules=("{python}", "-c", "import {modules}"),
    sample='print("Hello, world!")\n',
    reference=Reference("print(f'Hello, {input()}!')\n"),
    library_environment={
        "PYTHONUSERBASE": USER_BASE,
        # Threads for BLAS would count as processes of the program, and a fork does not have its parent's threads.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # There is no screen. Matplotlib and fontconfig write lists of fonts, which are no files of the program.
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
        "XDG_CACHE_HOME": "/tmp/cache",  # noqa: S108
    },
)
