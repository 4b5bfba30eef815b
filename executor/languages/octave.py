from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="octave",
    source_file=SourceFile("main.m", extensions=("m",)),
    tools={"octave": ("/usr/bin/octave-cli",)},
    run=RunCommand(
        ("{octave}", "--quiet", "--no-history", "{source}"), extra_memory=128 << 20, out_of_memory=b"out of memory"
    ),
    needs=ProgramLimits(memory_bytes=256 << 20),
    # A pool of threads for each processor would take most of a program's processes.
    environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    sample='printf("Hello, world!\\n")\n',
    reference=Reference('printf("Hello, %s!\\n", fgetl(stdin))\n'),
)
