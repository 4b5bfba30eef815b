from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

LANGUAGE = LanguageDefinition(
    code="ll",
    source_file=SourceFile("main.ll", extensions=("ll",)),
    tools={"clang": ("/usr/bin/clang",)},
    # A program need not name its target.
    compile=Compile(
        ("{clang}", "-Wno-override-module", ARGS, "-o", "{output}", "{source}", COMPANIONS, "-lm"),
        companions="all",
        allowed=("-O0", "-O1", "-O2", "-O3", "-Os"),
    ),
    sample=(
        '@text = private constant [14 x i8] c"Hello, world!\\00"\n\ndeclare i32 @puts(ptr)\n\n'
        "define i32 @main() {\n  call i32 @puts(ptr @text)\n  ret i32 0\n}\n"
    ),
    reference=Reference(
        '@read = private constant [5 x i8] c"%79s\\00"\n'
        '@greet = private constant [13 x i8] c"Hello, %s!\\0A\\00\\00"\n\n'
        "declare i32 @scanf(ptr, ...)\ndeclare i32 @printf(ptr, ...)\n\n"
        "define i32 @main() {\n  %name = alloca [80 x i8]\n  call i32 (ptr, ...) @scanf(ptr @read, ptr %name)\n"
        "  call i32 (ptr, ...) @printf(ptr @greet, ptr %name)\n  ret i32 0\n}\n"
    ),
)
