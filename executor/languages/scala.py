from executor.languages import _jvm
from executor.languages.base import ARGS, COMPANIONS, Compile, LanguageDefinition, Reference, SourceFile

_LIBRARIES = "/usr/share/scala/lib"

LANGUAGE = LanguageDefinition(
    code="scala",
    source_file=SourceFile("main.scala", extensions=("scala",)),
    tools={**_jvm.JAVA, "scalac": ("/usr/bin/scalac",)},
    # The compiler finds the object with `main`, and names it in the archive.
    compile=Compile(
        (
            *_jvm.COMPILER, "-Dscala.usejavacp=true", "-cp", f"{_LIBRARIES}/*", "scala.tools.nsc.Main", ARGS,
            "-d", "{output}.jar", "{source}", COMPANIONS,
        ),
        companions="all",
        allowed=("-deprecation", "-feature", "-unchecked", "-optimise", "-nowarn", "-language:*", "-Xlint", "-Xlint:*"),
    ),
    run=_jvm.run(f"-Xbootclasspath/a:{_LIBRARIES}/scala-library.jar", "-jar", "{output}.jar"),
    version=_jvm.version_of("/usr/share/java/scala-library.jar"),
    sample='object Main {\n  def main(args: Array[String]): Unit = println("Hello, world!")\n}\n',
    reference=Reference(
        "object Main {\n  def main(args: Array[String]): Unit =\n"
        '    println("Hello, " + scala.io.StdIn.readLine() + "!")\n}\n'
    ),
)  # fmt: skip
