"""The options and commands that languages on the Java virtual machine share with Java."""

from typing import Final

from executor.languages.java import JDKS, JVM

JAVA: Final = {"java": tuple(f"{jdk}/java" for jdk in JDKS)}
COMMAND: Final = ("{java}", *JVM)
#: A compiler is started for one source, so its JVM should compile quickly rather than well.
COMPILER: Final = (
    "{java}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx1g",
    "-Dfile.encoding=UTF-8",
)  # fmt: skip
EXTRA_MEMORY: Final = 256 << 20
OUT_OF_MEMORY: Final = b"java.lang.OutOfMemoryError"


def version_of(archive: str) -> tuple[str, ...]:
    """Return a command that prints the name of an archive. The name has the version, and no JVM has to start."""
    return ("/bin/sh", "-c", f"basename $(readlink -f {archive}) .jar")
