"""What the languages on the Java virtual machine share with Java."""

from typing import Final

from executor.languages.java import JDKS, JVM

JAVA: Final = {"java": tuple(f"{jdk}/java" for jdk in JDKS)}
COMMAND: Final = ("{java}", *JVM)
#: A compiler is started for one source, so code that is quickly made is better than good code.
COMPILER: Final = (
    "{java}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx1g",
    "-Dfile.encoding=UTF-8",
)  # fmt: skip
EXTRA_MEMORY: Final = 256 << 20
OUT_OF_MEMORY: Final = b"java.lang.OutOfMemoryError"


def version_of(archive: str) -> tuple[str, ...]:
    """Return a command that prints the name of an archive, which has the version. It takes less time than a JVM."""
    return ("/bin/sh", "-c", f"basename $(readlink -f {archive}) .jar")
