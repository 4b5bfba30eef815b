from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="luajit",
    source_file=SourceFile("main.lua", extensions=("lua",)),
    tools={"luajit": ("/usr/bin/luajit",)},
    run=Run(("{luajit}", "{source}"), out_of_memory=b"not enough memory"),
    version=("{luajit}", "-v"),
    sample='print("Hello, world!")\n',
    reference=Reference('print("Hello, " .. io.read() .. "!")\n'),
)
