from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="ml",
    # The name is fixed, because a module is named after its file.
    source_file=SourceFile("main.ml"),
    tools={"ocamlopt": ("/usr/bin/ocamlopt",)},
    # The companions come first, in the sender's order, because a module must be compiled before the files that use it.
    compile=Compile(
        (
            "{ocamlopt}", "-I", "+unix", "-I", "+str", "unix.cmxa", "str.cmxa", ARGS, "-o", "{output}",
            COMPANIONS, "{source}",
        ),
        companions="all",
        allowed=("-g", "-unsafe", "-noassert", "-O2", "-O3", "-principal", "-strict-sequence"),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"Out of memory"),
    version=("{ocamlopt}", "-version"),
    sample='let () = print_endline "Hello, world!"\n',
    reference=Reference('let () = Printf.printf "Hello, %s!\\n" (read_line ())\n'),
)  # fmt: skip
