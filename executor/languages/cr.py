from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="cr",
    source_file=SourceFile("main.cr", extensions=("cr",)),
    tools={"crystal": ("/usr/bin/crystal",)},
    # The compiler finds the files of a program by their names.
    compile=Compile(
        ("{crystal}", "build", "--no-color", "--threads=2", ARGS, "-o", "{output}", "{source}"),
        allowed=("--release", "--no-debug", "-O0", "-O1", "-O2", "-O3", "-D*", "--error-on-warnings"),
    ),
    environment={"CRYSTAL_CACHE_DIR": "/box/tmp/crystal"},
    sample='puts "Hello, world!"\n',
    reference=Reference('puts "Hello, #{gets}!"\n'),
)
