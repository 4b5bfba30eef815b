from dataclasses import replace

from executor.languages import _jvm
from executor.languages.base import LanguageDefinition, Reference, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="clj",
    source_file=SourceFile("main.clj", extensions=("clj", "cljc")),
    tools={**_jvm.JAVA, "clojure": ("/usr/bin/clojure",)},
    run=replace(
        _jvm.run("-cp", "/usr/share/java/clojure.jar:.", "clojure.main", "{source}"),
        out_of_memory=b"(OutOfMemoryError)",  # Clojure's own report, such as "Execution error (OutOfMemoryError) at"
    ),
    needs=ProgramLimits(cpu_s=5.0, memory_bytes=256 << 20),
    version=_jvm.version_of("/usr/share/java/clojure.jar"),
    sample='(println "Hello, world!")\n',
    reference=Reference('(println (str "Hello, " (read-line) "!"))\n'),
)
