from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="lua",
    source_file=SourceFile("main.lua", extensions=("lua",)),
    tools={"lua": ("/usr/bin/lua5.4", "/usr/bin/lua5.3", "/usr/bin/lua")},
    run=RunCommand(("{lua}", "{source}"), out_of_memory=b"not enough memory"),
    version=("{lua}", "-v"),
    sample='print("Hello, world!")\n',
    reference=Reference('print("Hello, " .. io.read() .. "!")\n'),
)
