from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="pl",
    source_file=SourceFile("main.pl", extensions=("pl",)),
    tools={"perl": ("/usr/bin/perl",)},
    run=RunCommand(("{perl}", "{source}"), out_of_memory=b"Out of memory"),
    sample='print "Hello, world!\\n";\n',
    reference=Reference('chomp(my $name = <STDIN>);\nprint "Hello, $name!\\n";\n'),
)
