from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="pl",
    name="Perl",
    names=Names("main.pl"),
    extensions=("pl",),
    tools={"perl": ("/usr/bin/perl",)},
    run=("{perl}", "{source}"),
    version=("{perl}", "--version"),
    reference=Reference('chomp(my $name = <STDIN>);\nprint "Hello, $name!\\n";\n'),
    out_of_memory=b"Out of memory",
)
