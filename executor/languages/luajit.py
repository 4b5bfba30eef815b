from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="luajit",
    source_file=SourceFile("main.lua", extensions=("lua",)),
    tools={"luajit": ("/usr/bin/luajit",)},
    run=RunCommand(("{luajit}", "{source}"), out_of_memory=b"not enough memory"),
    version=("{luajit}", "-v"),
    sample='print("Hello, world!")\n',
    reference=Reference('print("Hello, " .. io.read() .. "!")\n'),
)
