from executor.languages.base import Language, Names, Reference

LANGUAGE = Language(
    code="cs",
    name="C#",
    names=Names("main.cs"),
    extensions=("cs",),
    tools={"mcs": ("/usr/bin/mcs",), "mono": ("/usr/bin/mono",)},
    compile=("{mcs}", "-out:main.exe", "{source}"),
    run=("{mono}", "main.exe"),
    version=("{mcs}", "--version"),
    reference=Reference(
        "using System;\nclass Program {\n  static void Main() {\n"
        '    Console.WriteLine("Hello, " + Console.ReadLine() + "!");\n  }\n}\n'
    ),
    extra_memory=64 << 20,
    out_of_memory=b"System.OutOfMemoryException",
)
