from executor.languages import _gold
from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="f90",
    name="Fortran",
    names=Names("main.f90"),
    extensions=("f90",),
    tools={"gfortran": ("/usr/bin/gfortran",)},
    options=_gold.OPTIONS,
    has_driver=True,
    compile=("{gfortran}", "-pipe", *_gold.WORDS, "-o", "main", "{source}"),
    run=("/box/work/main",),
    version=("{gfortran}", "--version"),
    reference=Reference(
        "program greeting\n  character(80) :: name\n  read *, name\n"
        "  print '(a)', 'Hello, ' // trim(name) // '!'\nend program\n"
    ),
)
