from executor.languages.base import Language, Names, Reference
from executor.languages.java_source import find_main

_JDKS = ("/usr/lib/jvm/default-java/bin", "/usr/bin", "/usr/local/openjdk/bin", "/opt/java/openjdk/bin")


def _names(source: str) -> Names:
    found = find_main(source)
    return Names(f"{found.file_stem}.java", found.main_class)


LANGUAGE = Language(
    code="java",
    name="Java",
    names=_names,
    tools={tool: tuple(f"{jdk}/{tool}" for jdk in _JDKS) for tool in ("java", "javac")},
    compile=(
        "{javac}", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-J-XX:-UsePerfData", "-J-Xshare:auto",
        "-encoding", "UTF-8", "-proc:none", "-d", ".", "{source}",
    ),
    run=(
        "{java}", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx{memory_mib}m",
        "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8",
        "-Dsun.stdout.encoding=UTF-8", "-Dsun.stderr.encoding=UTF-8", "-cp", ".", "{main}",
    ),
    version=("{java}", "-version"),
    reference=Reference(
        "class Helper {}\n"
        "public class Greeting {\n"
        "  public static void main(String[] args) {\n"
        '    System.out.println("Hello, " + new java.util.Scanner(System.in).next() + "!");\n'
        "  }\n"
        "}\n"
    ),
    extra_memory=256 << 20,
    out_of_memory=b"java.lang.OutOfMemoryError",
)  # fmt: skip
