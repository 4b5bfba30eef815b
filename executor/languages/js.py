from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="js",
    name="JavaScript",
    names=Names("main.js"),
    extensions=("js", "cjs", "mjs"),
    tools={"node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs")},
    run=("{node}", "--max-old-space-size={memory_mib}", "{source}"),
    zygote=("{node}", "--max-old-space-size={memory_mib}", "--require={preload}/start.js", "/box/work/{source}"),
    version=("{node}", "--version"),
    reference=Reference("console.log(`Hello, ${require('fs').readFileSync(0, 'utf8').trim()}!`)\n"),
    extra_memory=64 << 20,
    out_of_memory=b"JavaScript heap out of memory",
)
