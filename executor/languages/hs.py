from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, RunCommand, SourceFile

LANGUAGE = LanguageDefinition(
    code="hs",
    source_file=SourceFile("main.hs", extensions=("hs",)),
    tools={"ghc": ("/usr/bin/ghc",)},
    # The compiler finds the modules of a program by their names. Debian keeps the list of GHC's packages in /var/lib,
    # which no box shows, so boxes have it in /etc (`executor.sandbox.wall.command`).
    compile=Compile(
        (
            "{ghc}", "-v0", "-no-global-package-db", "-package-db", "/etc/ghc/package.conf.d", ARGS,
            "-o", "{output}", "{source}",
        ),
        allowed=("-O", "-O0", "-O1", "-O2", "-W", "-Wall", "-Wextra", "-Werror", "-w", "-threaded"),
    ),
    run=RunCommand(("/box/work/{output}",), out_of_memory=b"heap overflow"),
    sample='main :: IO ()\nmain = putStrLn "Hello, world!"\n',
    reference=Reference('main :: IO ()\nmain = do\n  name <- getLine\n  putStrLn ("Hello, " ++ name ++ "!")\n'),
)  # fmt: skip
