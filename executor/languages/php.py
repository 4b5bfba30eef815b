from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="php",
    source_file=SourceFile("main.php", extensions=("php",)),
    tools={"php": ("/usr/bin/php", "/usr/local/bin/php")},
    run=RunCommand(("{php}", "-d", "display_errors=stderr", "-d", "memory_limit=-1", "{source}")),
    sample='<?php\n\necho "Hello, world!\\n";\n',
    reference=Reference('<?php echo "Hello, " . trim(fgets(STDIN)) . "!\\n";\n'),
)
