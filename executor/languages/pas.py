from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="pas",
    # Always this name. A source with the name of a unit would hide the unit, because its folder is searched first.
    source_file=SourceFile("main.pas"),
    tools={"fpc": ("/usr/bin/fpc",)},
    # It finds the units of a program in the source's folder.
    compile=Compile(
        ("{fpc}", "-v0ew", ARGS, "-o{output}", "{source}"),
        allowed=(
            "-Mfpc", "-Mobjfpc", "-Mdelphi", "-Mtp", "-Mmacpas", "-Miso", "-O1", "-O2", "-O3", "-O4", "-g", "-gl",
            "-gh", "-Ci", "-Co", "-Cr", "-Ct", "-CR", "-Sa", "-Sc", "-Sd", "-Sh", "-Si", "-Sy", "-d*",
        ),
    ),
    version=("{fpc}", "-iV"),
    sample="begin\n  writeln('Hello, world!');\nend.\n",
    reference=Reference(
        "program Greeting;\nvar name: string;\nbegin\n  readln(name);\n  writeln('Hello, ', name, '!');\nend.\n"
    ),
)  # fmt: skip
