from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="vala",
    source_file=SourceFile("main.vala", extensions=("vala",)),
    tools={"valac": ("/usr/bin/valac",)},
    compile=Compile(
        ("{valac}", "--quiet", ARGS, "-o", "{output}", "{source}", COMPANIONS),
        companions="all",
        allowed=("-g", "-D*", "--enable-checking", "--fatal-warnings", "--pkg=gio-2.0", "--Xcc=-O2", "--Xcc=-lm"),
    ),
    sample='void main () {\n    print ("Hello, world!\\n");\n}\n',
    reference=Reference('void main () {\n    print ("Hello, %s!\\n", stdin.read_line ());\n}\n'),
)
