from dataclasses import replace

from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, SourceFile
from executor.languages.js import LANGUAGE as JAVASCRIPT
from executor.languages.js import NODE

LANGUAGE = LanguageDefinition(
    code="ts",
    source_file=SourceFile("main.ts", extensions=("ts",)),
    tools={"tsc": ("/usr/local/bin/tsc", "/usr/bin/tsc"), **JAVASCRIPT.tools},
    # The compiler finds the modules of a program by their names, and writes its output beside each source.
    compile=Compile(
        (
            "{tsc}", "--target", "es2022", "--module", "commonjs", "--esModuleInterop", "--skipLibCheck",
            "--typeRoots", "/usr/share/nodejs/@types", "--types", "node", ARGS, "{source}",
        ),
        allowed=(
            "--strict", "--noImplicitAny", "--strictNullChecks", "--noUnusedLocals", "--noUnusedParameters",
            "--noImplicitReturns", "--noFallthroughCasesInSwitch", "--experimentalDecorators", "--noEmitOnError",
        ),
    ),
    run=replace(JAVASCRIPT.run, words=(*NODE, "{stem}.js"), warm=None),
    import_modules=JAVASCRIPT.import_modules,
    sample="const greeting: string = 'Hello, world!'\nconsole.log(greeting)\n",
    reference=Reference(
        "import { readFileSync } from 'fs'\nconst name: string = readFileSync(0, 'utf8').trim()\n"
        "console.log(`Hello, ${name}!`)\n"
    ),
)  # fmt: skip
