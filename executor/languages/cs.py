from executor.languages.base import Compile, Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="cs",
    name="C#",
    source_file=SourceFile("main.cs", extensions=("cs",)),
    tools={"mcs": ("/usr/bin/mcs",), "mono": ("/usr/bin/mono",)},
    compile=Compile(("{mcs}", "-out:main.exe", "{source}")),
    run=Run(("{mono}", "main.exe"), extra_memory=64 << 20, out_of_memory=b"System.OutOfMemoryException"),
    version=("{mcs}", "--version"),
    reference=Reference(
        "using System;\nclass Program {\n  static void Main() {\n"
        '    Console.WriteLine("Hello, " + Console.ReadLine() + "!");\n  }\n}\n'
    ),
)
