"""Says which Python programs get a runtime that has imported slow libraries ahead, such as NumPy. Pure.

There is one such runtime, with those of the libraries that are installed. A program gets it if its first statements
import each of them that it names anywhere. What comes before an import may change what the import does: it may set a
variable, or be a module of the program.

Gain: `import numpy` takes some 100 ms, and a fork with NumPy 10 ms (ADR 20).
"""

import re
from typing import Final

from executor.catalogue.installed import Installed
from executor.languages.program import ProgramSources

#: White space, comments, docstrings and imports. The quantifiers are possessive, so hostile sources take no longer.
_BEGINNING: Final = re.compile(
    rb"""(?:
        [\s;] | \#[^\n]*+ | '{3}(?:[^'\\]|'(?!''))*+'{3} | "{3}(?:[^"\\]|"(?!""))*+"{3}
      | (?:import|from)[ \t](?:[\w \t,.*]|\\\r?\n|\((?:[\w\s,]|\#[^\n]*+)*+\))*+(?=[\r\n;\#]|\Z)
    )*+""",
    re.VERBOSE,
)
#: Bytes in which a program's first statements are looked for.
_MAX_BYTES: Final = 16384
#: Matplotlib reads a file of this name in the program's folder when it is imported.
_RC_FILE: Final = "matplotlibrc"


def slow_modules(installed: Installed) -> tuple[str, ...]:
    """Return the slow modules that are installed, in the order in which to import them."""
    warm = installed.language.run.warm
    modules = warm.imports if warm else ()
    return tuple(name for name in modules if name.partition(".")[0] in installed.reserved)


def imports_first(program: ProgramSources, modules: tuple[str, ...]) -> bool:
    """Return True if the program names some of these libraries, and imports them before it does anything else."""
    named = {name for name in {module.partition(".")[0].encode() for module in modules} if name in program.source}
    if not named:
        return False
    beginning = _BEGINNING.match(program.source[:_MAX_BYTES])
    words = set(re.findall(rb"\w+", beginning[0] if beginning else b""))
    others = (path for path in program.files if path != program.names.source)
    own_modules = {part.partition(".")[0] for path in others for part in path.split("/")}
    return named <= words and _RC_FILE not in own_modules and words.isdisjoint(name.encode() for name in own_modules)
