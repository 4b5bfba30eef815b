from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="adb",
    # The name is fixed, because it must be that of the main procedure.
    source_file=SourceFile("main.adb"),
    tools={"gnatmake": ("/usr/bin/gnatmake",)},
    # The compiler finds the packages of a program by their names.
    compile=Compile(
        ("{gnatmake}", "-q", ARGS, "-o", "{output}", "{source}"),
        allowed=(
            "-O0", "-O1", "-O2", "-O3", "-g", "-gnat83", "-gnat95", "-gnat05", "-gnat12", "-gnat2012", "-gnat2022",
            "-gnata", "-gnato", "-gnatwa", "-gnatwe", "-gnatW8",
        ),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"STORAGE_ERROR"),
    sample=(
        "with Ada.Text_IO;\n\nprocedure Main is\nbegin\n"
        '   Ada.Text_IO.Put_Line ("Hello, world!");\nend Main;\n'
    ),
    reference=Reference(
        "with Ada.Text_IO; use Ada.Text_IO;\n\nprocedure Main is\nbegin\n"
        '   Put_Line ("Hello, " & Get_Line & "!");\nend Main;\n'
    ),
)  # fmt: skip
