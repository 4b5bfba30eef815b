from executor.languages.base import LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="rb",
    source_file=SourceFile("main.rb", extensions=("rb",)),
    tools={"ruby": ("/usr/bin/ruby", "/usr/local/bin/ruby")},
    # Debian compiles Ruby with -fstack-clash-protection, so it touches its whole stack when it starts. 256 MiB take
    # 0.2 s of CPU time. Ruby's methods have another stack, so the usual 8 MiB suffice.
    run=RunCommand(
        ("{ruby}", "{source}"), stack_bytes=8 << 20, out_of_memory=b"failed to allocate memory (NoMemoryError)"
    ),
    sample='puts "Hello, world!"\n',
    reference=Reference('puts "Hello, #{gets.chomp}!"\n'),
)
