from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="lua",
    name="Lua",
    names=Names("main.lua"),
    extensions=("lua",),
    tools={"lua": ("/usr/bin/lua5.4", "/usr/bin/lua5.3", "/usr/bin/lua")},
    run=("{lua}", "{source}"),
    version=("{lua}", "-v"),
    reference=Reference('print("Hello, " .. io.read() .. "!")\n'),
    out_of_memory=b"not enough memory",
)
