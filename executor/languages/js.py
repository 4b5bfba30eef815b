from executor.languages.base import Forked, Language, Reference, Run, SourceFile

_NODE = ("{node}", "--max-old-space-size={memory_mib}")

LANGUAGE = Language(
    code="js",
    source_file=SourceFile("main.js", extensions=("js", "cjs", "mjs")),
    tools={"node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs")},
    run=Run(
        (*_NODE, "{source}"),
        warm=Forked((*_NODE, "--require={preload}/start.js", "/box/work/{source}")),
        extra_memory=64 << 20,
        out_of_memory=b"JavaScript heap out of memory",
    ),
    version=("{node}", "--version"),
    import_modules=("{node}", "-e", "'{modules}'.split(', ').forEach(name => import(name))"),
    sample="console.log('Hello, world!')\n",
    reference=Reference("console.log(`Hello, ${require('fs').readFileSync(0, 'utf8').trim()}!`)\n"),
)
