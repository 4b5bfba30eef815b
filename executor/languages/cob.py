from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="cob",
    source_file=SourceFile("main.cob", extensions=("cob", "cbl")),
    tools={"cobc": ("/usr/bin/cobc",)},
    # Sources are in free form, unless the program says `-fixed`.
    compile=Compile(
        ("{cobc}", "-x", "-free", ARGS, "-o", "{output}", "{source}", COMPANIONS),
        companions="all",
        allowed=("-free", "-fixed", "-std=*", "-O", "-O2", "-g", "-debug", "-Wall", "-fno-trunc"),
    ),
    sample=(
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. HELLO.\nPROCEDURE DIVISION.\n"
        '    DISPLAY "Hello, world!".\n    STOP RUN.\n'
    ),
    reference=Reference(
        "IDENTIFICATION DIVISION.\nPROGRAM-ID. GREETING.\nDATA DIVISION.\nWORKING-STORAGE SECTION.\n"
        "01 PERSON PIC X(80).\nPROCEDURE DIVISION.\n    ACCEPT PERSON.\n"
        '    DISPLAY "Hello, " FUNCTION TRIM(PERSON) "!".\n    STOP RUN.\n'
    ),
)  # fmt: skip
