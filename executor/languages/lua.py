from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="lua",
    source_file=SourceFile("main.lua", extensions=("lua",)),
    tools={"lua": ("/usr/bin/lua5.4", "/usr/bin/lua5.3", "/usr/bin/lua")},
    run=Run(("{lua}", "{source}"), out_of_memory=b"not enough memory"),
    version=("{lua}", "-v"),
    sample='print("Hello, world!")\n',
    reference=Reference('print("Hello, " .. io.read() .. "!")\n'),
)
