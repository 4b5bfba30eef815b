from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="rb",
    name="Ruby",
    names=Names("main.rb"),
    extensions=("rb",),
    tools={"ruby": ("/usr/bin/ruby", "/usr/local/bin/ruby")},
    run=("{ruby}", "{source}"),
    version=("{ruby}", "--version"),
    reference=Reference('puts "Hello, #{gets.chomp}!"\n'),
    out_of_memory=b"failed to allocate memory (NoMemoryError)",
)
