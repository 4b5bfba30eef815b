"""The options and commands that languages on the Java virtual machine share with Java."""

from dataclasses import replace
from typing import Final

from executor.languages.base import RunCommand
from executor.languages.java import JDKS, JVM, LANGUAGE

JAVA: Final = {"java": tuple(f"{jdk}/java" for jdk in JDKS)}
#: A compiler is started for one source, so its JVM should compile quickly rather than well.
COMPILER: Final = (
    "{java}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xss16m", "-Xmx1g",
    "-Dfile.encoding=UTF-8",
)  # fmt: skip


def run(*words: str) -> RunCommand:
    """Return how a virtual machine runs programs with these arguments."""
    return replace(LANGUAGE.run, words=("{java}", *JVM, *words))


def version_of(archive: str) -> tuple[str, ...]:
    """Return a command that prints the name of an archive. The name has the version, and no JVM has to start."""
    return ("/bin/sh", "-c", f"basename $(readlink -f {archive}) .jar")
