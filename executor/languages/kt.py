from executor.languages import _jvm
from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

_HOME = "/usr/share/kotlin/kotlinc"

LANGUAGE = LanguageDefinition(
    code="kt",
    source_file=SourceFile("main.kt", extensions=("kt",)),
    tools={**_jvm.JAVA, "kotlinc": ("/usr/bin/kotlinc",)},
    # The compiler finds the main function, and names its class in the archive.
    compile=Compile(
        (
            *_jvm.COMPILER, f"-Dkotlin.home={_HOME}", "-cp", f"{_HOME}/lib/*",
            "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", ARGS, "-d", "{output}.jar", "{source}",
            COMPANIONS,
        ),
        companions="all",
        allowed=("-nowarn", "-Werror", "-progressive", "-java-parameters"),
    ),
    run=_jvm.run(f"-Xbootclasspath/a:{_HOME}/lib/kotlin-stdlib.jar", "-jar", "{output}.jar"),
    version=("/bin/sh", "-c", f"echo Kotlin $(cat {_HOME}/build.txt)"),
    sample='fun main() {\n    println("Hello, world!")\n}\n',
    reference=Reference('fun main() {\n    println("Hello, ${readLine()}!")\n}\n'),
)  # fmt: skip
