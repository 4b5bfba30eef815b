from executor.languages.base import Compile, Language, Reference, Run, SourceFile

LANGUAGE = Language(
    code="rs",
    name="Rust",
    source_file=SourceFile("main.rs", extensions=("rs",)),
    tools={"rustc": ("/usr/bin/rustc", "/usr/local/cargo/bin/rustc")},
    # The edition that Cargo chooses for a new package; rustc's own is that of 2015.
    compile=Compile(("{rustc}", "--edition=2021", "--crate-name=main", "-o", "main", "{source}")),
    run=Run(("/box/work/main",)),
    version=("{rustc}", "--version"),
    reference=Reference(
        "fn main() {\n    let mut name = String::new();\n    std::io::stdin().read_line(&mut name).unwrap();\n"
        '    println!("Hello, {}!", name.trim());\n}\n'
    ),
)
