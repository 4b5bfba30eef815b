from executor.languages.base import Language, Reference, Run, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = Language(
    code="r",
    source_file=SourceFile("main.R"),
    tools={"rscript": ("/usr/bin/Rscript",)},
    run=Run(("{rscript}", "{source}"), out_of_memory=b"cannot allocate vector of size"),
    needs=ProgramLimits(memory_bytes=256 << 20),
    version=("{rscript}", "--version"),
    sample='cat("Hello, world!\\n")\n',
    reference=Reference('name <- readLines("stdin", n = 1)\ncat("Hello, ", name, "!\\n", sep = "")\n'),
)
