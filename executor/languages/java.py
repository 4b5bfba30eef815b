from typing import Final

from executor.languages._java_source import find_main
from executor.languages.base import (
    ARGS,
    COMPANIONS,
    Compile,
    Language,
    Names,
    Prebuilt,
    Reference,
    Run,
    SourceFile,
    Stub,
    Variant,
)

#: The folder of the operator's archives.
JARS: Final = "/jars"
JDKS = ("/usr/lib/jvm/default-java/bin", "/usr/bin", "/usr/local/openjdk/bin", "/opt/java/openjdk/bin")


def _names(source: str) -> Names:
    found = find_main(source)
    return Names(f"{found.file_stem}.java", found.main_class)


#: Options of the JVM that runs programs, warm or cold.
JVM = (
    "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx{memory_mib}m",
    "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8",
    "-Dsun.stdout.encoding=UTF-8", "-Dsun.stderr.encoding=UTF-8",
)  # fmt: skip
#: The internal packages of the JDK that the files in `warm/preload` use.
_INSIDE = (
    "--add-exports=java.base/jdk.internal.access=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.vm.annotation=ALL-UNNAMED",
    "--add-exports=jdk.compiler/com.sun.tools.javac.api=ALL-UNNAMED",
    "--add-exports=jdk.compiler/com.sun.tools.javac.main=ALL-UNNAMED",
)
_STUB = (_INSIDE[0], "-Xbootclasspath/a:{runtime}/start.jar", "-cp", "{class_path}", "precieux.Start")
_BUILD = (
    "{javac} -encoding UTF-8 -proc:none %s -d classes *.java && {jar} -c -f start.jar -C classes . && rm -r classes"
)

LANGUAGE = Language(
    code="java",
    source_file=SourceFile(_names),
    tools={tool: tuple(f"{jdk}/{tool}" for jdk in JDKS) for tool in ("java", "javac", "jar")},
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
            Variant("java11", "Java 11", ("--release=11",), since=11),
            Variant("java17", "Java 17", ("--release=17",), since=17),
            Variant("java21", "Java 21", ("--release=21",), since=21),
            Variant("java25", "Java 25", ("--release=25",), since=25),
        ),
        shared=(
            "{java}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xmx512m",
            *_INSIDE, "-cp", "{runtime}/start.jar", "precieux.Compiler", "{jars}",
        ),
    ),
    run=Run(
        ("{java}", *JVM, "-cp", "{class_path}", "{main}"),
        warm=Stub(
            ("{java}", *JVM, "-Xlog:cds=off", "-XX:SharedArchiveFile={runtime}/start.jsa", *_STUB), words=("{main}",)
        ),
        extra_memory=256 << 20,
        out_of_memory=b"java.lang.OutOfMemoryError",
    ),
    library_words={"class_path": (f".:{JARS}/*", "."), "jars": (JARS, "")},
    prebuilt=(
        Prebuilt(
            "start.jar", ("/bin/sh", "-c", _BUILD % " ".join(_INSIDE)), ("Start.java", "Warmup.java", "Compiler.java")
        ),
        # An archive of the classes in the form that the JVM has in memory (JEP 350). The JVM ignores it if it does not
        # fit.
        Prebuilt("start.jsa", ("{java}", *JVM, "-XX:ArchiveClassesAtExit=start.jsa", *_STUB, "rehearse")),
    ),
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
