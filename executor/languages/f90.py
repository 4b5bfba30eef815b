from executor.languages import _gold
from executor.languages.base import Compile, Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="f90",
    name="Fortran",
    source_file=SourceFile("main.f90", extensions=("f90",)),
    tools={"gfortran": ("/usr/bin/gfortran",)},
    compile=Compile(
        ("{gfortran}", "-pipe", *_gold.WORDS, "-o", "main", "{source}"), options=_gold.OPTIONS, driver=True
    ),
    run=Run(("/box/work/main",)),
    version=("{gfortran}", "--version"),
    reference=Reference(
        "program greeting\n  character(80) :: name\n  read *, name\n"
        "  print '(a)', 'Hello, ' // trim(name) // '!'\nend program\n"
    ),
)
