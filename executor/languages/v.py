from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="v",
    source_file=SourceFile("main.v", extensions=("v", "sv")),
    tools={"iverilog": ("/usr/bin/iverilog",), "vvp": ("/usr/bin/vvp",)},
    compile=Compile(
        ("{iverilog}", ARGS, "-o", "{output}", "{source}", COMPANIONS),
        companions="all",
        allowed=(
            "-g1995", "-g2001", "-g2005", "-g2005-sv", "-g2009", "-g2012", "-gassertions", "-gno-assertions", "-Wall",
            "-D*",
        ),
    ),
    # With `-n`, `$stop` ends the program. Without it, `$stop` asks for commands.
    run=RunCommand(("{vvp}", "-n", "{output}")),
    version=("{iverilog}", "-V"),
    sample='module main;\n    initial $display("Hello, world!");\nendmodule\n',
    reference=Reference(
        'module main;\n    reg [639:0] name;\n    integer found;\n    initial begin\n'
        "        found = $fscanf('h8000_0000, \"%s\", name);\n        $display(\"Hello, %0s!\", name);\n"
        "    end\nendmodule\n"
    ),
)  # fmt: skip
