from dataclasses import replace

from executor.languages.base import LanguageDefinition, Reference, SourceFile
from executor.languages.js import LANGUAGE as JAVASCRIPT
from executor.languages.js import NODE

LANGUAGE = LanguageDefinition(
    code="coffee",
    source_file=SourceFile("main.coffee", extensions=("coffee",)),
    tools={"coffee": ("/usr/bin/coffee", "/usr/local/bin/coffee"), **JAVASCRIPT.tools},
    run=replace(JAVASCRIPT.run, words=(*NODE, "{coffee}", "{source}"), warm=None),
    import_modules=JAVASCRIPT.import_modules,
    sample="console.log 'Hello, world!'\n",
    reference=Reference("console.log \"Hello, #{require('fs').readFileSync(0, 'utf8').trim()}!\"\n"),
)
