from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="cs",
    source_file=SourceFile("main.cs", extensions=("cs",)),
    tools={"mcs": ("/usr/bin/mcs",), "mono": ("/usr/bin/mono",)},
    compile=Compile(
        ("{mcs}", ARGS, "-out:{output}.exe", "{source}", COMPANIONS),
        companions="all",
        allowed=(
            "-langversion:*", "-optimize", "-optimize+", "-optimize-", "-checked", "-checked+", "-checked-", "-unsafe",
            "-define:*", "-d:*", "-warn:*", "-nowarn:*", "-warnaserror", "-r:System.Core.dll", "-r:System.Numerics.dll",
            "-r:System.Xml.dll", "-r:System.Xml.Linq.dll",
        ),
    ),
    run=RunCommand(("{mono}", "{output}.exe"), extra_memory=64 << 20, out_of_memory=b"System.OutOfMemoryException"),
    sample=(
        "using System;\n\nclass Program {\n    static void Main() {\n"
        '        Console.WriteLine("Hello, world!");\n    }\n}\n'
    ),
    reference=Reference(
        "using System;\nclass Program {\n  static void Main() {\n"
        '    Console.WriteLine("Hello, " + Console.ReadLine() + "!");\n  }\n}\n'
    ),
)  # fmt: skip
