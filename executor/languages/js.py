from executor.languages.base import Language, Names, Reference, Stub

LANGUAGE = Language(
    code="js",
    name="JavaScript",
    names=Names("main.js"),
    tools={"node": ("/usr/bin/node", "/usr/local/bin/node", "/usr/bin/nodejs")},
    run=("{node}", "--max-old-space-size={memory_mib}", "{source}"),
    # Any flag of V8's makes it throw away the compiled code of Node's own modules that it comes with, which costs each
    # start 9 ms. So it is told its memory by a file (`wall.py`), where this Node reads that.
    stub=Stub(
        run=("{node}", "--require={stubs}/start.js", "{source}"),
        otherwise=("{node}", "--max-old-space-size={memory_mib}", "--require={stubs}/start.js", "{source}"),
        words=("{source}",),
    ),
    version=("{node}", "--version"),
    reference=Reference("console.log(`Hello, ${require('fs').readFileSync(0, 'utf8').trim()}!`)\n"),
    extra_memory=64 << 20,
    out_of_memory=b"JavaScript heap out of memory",
)
