from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="r",
    source_file=SourceFile("main.R"),
    tools={"rscript": ("/usr/bin/Rscript",)},
    run=RunCommand(("{rscript}", "{source}"), out_of_memory=b"cannot allocate vector of size"),
    needs=ProgramLimits(memory_bytes=256 << 20),
    sample='cat("Hello, world!\\n")\n',
    reference=Reference('name <- readLines("stdin", n = 1)\ncat("Hello, ", name, "!\\n", sep = "")\n'),
)
