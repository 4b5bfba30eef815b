from executor.languages import _jvm
from executor.languages.base import LanguageDefinition, Reference, SourceFile
from shared.engine.run_call import ProgramLimits

LANGUAGE = LanguageDefinition(
    code="groovy",
    source_file=SourceFile("main.groovy", extensions=("groovy",)),
    tools={**_jvm.JAVA, "groovy": ("/usr/bin/groovy",)},
    run=_jvm.run("-cp", "/usr/share/groovy/lib/*:.", "groovy.ui.GroovyMain", "{source}"),
    needs=ProgramLimits(cpu_s=5.0, memory_bytes=256 << 20),
    version=_jvm.version_of("/usr/share/java/groovy.jar"),
    sample="println 'Hello, world!'\n",
    reference=Reference('println "Hello, ${System.in.newReader().readLine()}!"\n'),
)
