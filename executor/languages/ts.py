from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile
from executor.languages.js import LANGUAGE as JAVASCRIPT

LANGUAGE = LanguageDefinition(
    code="ts",
    source_file=SourceFile("main.ts", extensions=("ts",)),
    tools={
        "tsc": ("/usr/local/bin/tsc", "/usr/bin/tsc"),
        "node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs"),
    },
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
    run=RunCommand(
        ("{node}", "--max-old-space-size={memory_mib}", "{stem}.js"),
        extra_memory=64 << 20,
        out_of_memory=b"JavaScript heap out of memory",
    ),
    import_modules=JAVASCRIPT.import_modules,
    sample="const greeting: string = 'Hello, world!'\nconsole.log(greeting)\n",
    reference=Reference(
        "import { readFileSync } from 'fs'\nconst name: string = readFileSync(0, 'utf8').trim()\n"
        "console.log(`Hello, ${name}!`)\n"
    ),
)  # fmt: skip
