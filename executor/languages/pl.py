from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="pl",
    source_file=SourceFile("main.pl", extensions=("pl",)),
    tools={"perl": ("/usr/bin/perl",)},
    run=Run(("{perl}", "{source}"), out_of_memory=b"Out of memory"),
    version=("{perl}", "--version"),
    sample='print "Hello, world!\\n";\n',
    reference=Reference('chomp(my $name = <STDIN>);\nprint "Hello, $name!\\n";\n'),
)
