from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="raku",
    source_file=SourceFile("main.raku", extensions=("raku", "rakumod", "p6")),
    tools={"raku": ("/usr/bin/raku",)},
    run=RunCommand(("{raku}", "{source}"), extra_memory=64 << 20),
    needs=ProgramLimits(memory_bytes=256 << 20),
    sample='say "Hello, world!";\n',
    reference=Reference('say "Hello, {get}!";\n'),
)
