from typing import Final

from executor.languages._java_source import find_main
from executor.languages.base import (
    ARGS,
    COMPANIONS,
    Compile,
    CompilerVariant,
    LanguageDefinition,
    Names,
    Reference,
    RunCommand,
    SourceFile,
)

#: The folder of the operator's archives.
JARS: Final = "/jars"
JDKS = ("/usr/lib/jvm/default-java/bin", "/usr/bin", "/usr/local/openjdk/bin", "/opt/java/openjdk/bin")


def _names(source: str) -> Names:
    main = find_main(source)
    return Names(f"{main.file_stem}.java", main.main_class)


#: Options of the JVM that runs programs.
JVM = (
    "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx{memory_mib}m",
    "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8",
    "-Dsun.stdout.encoding=UTF-8", "-Dsun.stderr.encoding=UTF-8",
)  # fmt: skip
#: The internal packages of the JDK that `warm/preload/Compiler.java` uses.
_INSIDE = (
    "--add-exports=java.base/jdk.internal.access=ALL-UNNAMED",
    "--add-exports=jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED",
    "--add-exports=jdk.compiler/com.sun.tools.javac.main=ALL-UNNAMED",
)

LANGUAGE = LanguageDefinition(
    code="java",
    source_file=SourceFile(_names),
    tools={tool: tuple(f"{jdk}/{tool}" for jdk in JDKS) for tool in ("java", "javac")},
    compile=Compile(
        (
            "{javac}", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-XX:-UsePerfData", "-J-Xshare:auto",
            "-encoding", "UTF-8", "-proc:none", ARGS, "-cp", "{class_path}", "-d", ".", "{source}", COMPANIONS,
        ),
        companions="all",
        allowed=(
            "-Xlint", "-Xlint:*", "-Werror", "-nowarn", "-deprecation", "-parameters", "-g", "-g:*", "--release=*",
        ),
        variants=(
            CompilerVariant("java11", "Java 11", ("--release=11",), since=11),
            CompilerVariant("java17", "Java 17", ("--release=17",), since=17),
            CompilerVariant("java21", "Java 21", ("--release=21",), since=21),
            CompilerVariant("java25", "Java 25", ("--release=25",), since=25),
        ),
        shared=(
            "{java}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xmx512m",
            *_INSIDE, "-cp", "{preload}", "{preload}/Compiler.java", "{jars}",
        ),
    ),
    run=RunCommand(
        ("{java}", *JVM, "-cp", "{class_path}", "{main}"),
        extra_memory=256 << 20,
        out_of_memory=b"java.lang.OutOfMemoryError",
    ),
    library_words={"class_path": (f".:{JARS}/*", "."), "jars": (JARS, "")},
    version=("{java}", "-version"),
    sample=(
        "public class Main {\n    public static void main(String[] args) {\n"
        '        System.out.println("Hello, world!");\n    }\n}\n'
    ),
    reference=Reference(
        "class Helper {}\n"
        "public class Greeting {\n"
        "  public static void main(String[] args) {\n"
        '    System.out.println("Hello, " + new java.util.Scanner(System.in).next() + "!");\n'
        "  }\n"
        "}\n"
    ),
)  # fmt: skip
