from executor.languages.base import Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="rb",
    name="Ruby",
    source_file=SourceFile("main.rb", extensions=("rb",)),
    tools={"ruby": ("/usr/bin/ruby", "/usr/local/bin/ruby")},
    run=Run(("{ruby}", "{source}"), out_of_memory=b"failed to allocate memory (NoMemoryError)"),
    version=("{ruby}", "--version"),
    sample='puts "Hello, world!"\n',
    reference=Reference('puts "Hello, #{gets.chomp}!"\n'),
)
