from executor.languages.base import Language, Names, Reference
from executor.languages.gold import GOLD

LANGUAGE = Language(
    code="f90",
    name="Fortran",
    names=Names("main.f90"),
    tools={"gfortran": ("/usr/bin/gfortran",)},
    options={"gold": GOLD},
    compile=("{gfortran}", "-O2", "-pipe", "{gold}", "-o", "main", "{source}"),
    run=("/box/work/main",),
    version=("{gfortran}", "--version"),
    reference=Reference(
        "program greeting\n  character(80) :: name\n  read *, name\n"
        "  print '(a)', 'Hello, ' // trim(name) // '!'\nend program\n"
    ),
)
