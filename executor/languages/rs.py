from executor.languages.base import ARGS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="rs",
    source_file=SourceFile("main.rs", extensions=("rs",)),
    tools={"rustc": ("/usr/bin/rustc", "/usr/local/cargo/bin/rustc")},
    # The edition that Cargo chooses for a new package; rustc's own is that of 2015.
    # rustc finds the modules of a program by their names.
    compile=Compile(
        ("{rustc}", "--edition=2021", "--crate-name=main", ARGS, "-o", "{output}", "{source}"),
        allowed=(
            "--edition=*", "-O", "-g", "-Copt-level=*", "-Cdebuginfo=*", "-Cdebug-assertions=*", "-Coverflow-checks=*",
            "-Cpanic=*", "-Ctarget-cpu=*", "--cfg=*", "-A*", "-W*", "-D*", "-F*",
        ),
    ),
    sample='fn main() {\n    println!("Hello, world!");\n}\n',
    reference=Reference(
        "fn main() {\n    let mut name = String::new();\n    std::io::stdin().read_line(&mut name).unwrap();\n"
        '    println!("Hello, {}!", name.trim());\n}\n'
    ),
)  # fmt: skip
