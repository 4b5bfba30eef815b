from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="php",
    name="PHP",
    names=Names("main.php"),
    extensions=("php",),
    tools={"php": ("/usr/bin/php", "/usr/local/bin/php")},
    run=("{php}", "-d", "display_errors=stderr", "-d", "memory_limit=-1", "{source}"),
    version=("{php}", "--version"),
    reference=Reference('<?php echo "Hello, " . trim(fgets(STDIN)) . "!\\n";\n'),
)
