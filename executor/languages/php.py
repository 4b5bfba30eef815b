from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="php",
    source_file=SourceFile("main.php", extensions=("php",)),
    tools={"php": ("/usr/bin/php", "/usr/local/bin/php")},
    run=Run(("{php}", "-d", "display_errors=stderr", "-d", "memory_limit=-1", "{source}")),
    version=("{php}", "--version"),
    sample='<?php\n\necho "Hello, world!\\n";\n',
    reference=Reference('<?php echo "Hello, " . trim(fgets(STDIN)) . "!\\n";\n'),
)
