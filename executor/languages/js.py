from executor.languages.base import ForkedRuntime, LanguageDefinition, Reference, RunCommand, SourceFile

NODE = ("{node}", "--max-old-space-size={memory_mib}")

LANGUAGE = LanguageDefinition(
    code="js",
    source_file=SourceFile("main.js", extensions=("js", "cjs", "mjs")),
    tools={"node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs")},
    run=RunCommand(
        (*NODE, "{source}"),
        warm=ForkedRuntime((*NODE, "--require={preload}/start.js", "/box/work/{source}")),
        extra_memory=64 << 20,
        out_of_memory=b"JavaScript heap out of memory",
    ),
    import_modules=("{node}", "-e", "'{modules}'.split(', ').forEach(name => import(name))"),
    sample="console.log('Hello, world!')\n",
    reference=Reference("console.log(`Hello, ${require('fs').readFileSync(0, 'utf8').trim()}!`)\n"),
)
