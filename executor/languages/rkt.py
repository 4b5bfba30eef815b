from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="rkt",
    source_file=SourceFile("main.rkt", extensions=("rkt",)),
    tools={"racket": ("/usr/bin/racket",)},
    run=RunCommand(("{racket}", "{source}"), extra_memory=64 << 20, out_of_memory=b"out of memory"),
    needs=ProgramLimits(memory_bytes=256 << 20),
    # Racket's own files must not be in the program's folder.
    environment={"PLTUSERHOME": "/box/tmp/racket"},
    sample='#lang racket\n\n(displayln "Hello, world!")\n',
    reference=Reference('#lang racket\n\n(printf "Hello, ~a!\\n" (read-line))\n'),
)
