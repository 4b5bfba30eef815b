from executor.languages import _gcc_options, _gold
from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="f90",
    source_file=SourceFile("main.f90", extensions=("f90",)),
    tools={"gfortran": ("/usr/bin/gfortran",)},
    # The companions come first, in the order that their sender chose, because a module is compiled before its users.
    compile=Compile(
        ("{gfortran}", "-pipe", *_gold.WORDS, ARGS, "-o", "{output}", COMPANIONS, "{source}"),
        options=_gold.OPTIONS,
        companions="all",
        allowed=(
            *_gcc_options.COMMON, "-cpp", "-fcheck=*", "-fbacktrace", "-fimplicit-none", "-ffree-form", "-ffree-line-*",
            "-ffixed-line-*", "-fdefault-*", "-finit-*", "-frecursive",
        ),
        driver=True,
    ),
    sample="program hello\n    print '(a)', 'Hello, world!'\nend program\n",
    reference=Reference(
        "program greeting\n  character(80) :: name\n  read *, name\n"
        "  print '(a)', 'Hello, ' // trim(name) // '!'\nend program\n"
    ),
)  # fmt: skip
