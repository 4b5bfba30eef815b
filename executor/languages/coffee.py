from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from executor.languages.js import LANGUAGE as JAVASCRIPT

LANGUAGE = LanguageDefinition(
    code="coffee",
    source_file=SourceFile("main.coffee", extensions=("coffee",)),
    tools={
        "coffee": ("/usr/bin/coffee", "/usr/local/bin/coffee"),
        "node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs"),
    },
    run=RunCommand(
        ("{node}", "--max-old-space-size={memory_mib}", "{coffee}", "{source}"),
        extra_memory=64 << 20,
        out_of_memory=b"JavaScript heap out of memory",
    ),
    import_modules=JAVASCRIPT.import_modules,
    sample="console.log 'Hello, world!'\n",
    reference=Reference("console.log \"Hello, #{require('fs').readFileSync(0, 'utf8').trim()}!\"\n"),
)
