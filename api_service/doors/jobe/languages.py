"""The languages by Jobe's ids, and what Jobe does with the programs of each. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api_service.languages.catalog import EngineLanguage, LanguageCatalog

_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Habits:
    """What Jobe does with the programs of a language. The lists are the words of parameters that are not set.

    `source` is the name of a source without one; "" is the engine's. With `warnings_fail`, a program fails by all that
    the `compiler` says. `memory_mb` None: the parameter counts for nothing. `processes` is the least number of
    processes. With `bounds_addresses`, the memory is a limit of the address space: `malloc` fails, and the program goes
    on. With `file_of_class`, the file is named after its class, which is run.

    `syntax_errors` matches what the interpreter writes to standard error of a program that it cannot compile, where
    `{name}` is the pattern of the source's name. Jobe checks the syntax before the run.
    """

    source: str = ""
    compiler: str = "compiler"
    warnings_fail: bool = False
    memory_mb: float | None = 400
    processes: int = 0
    compileargs: tuple[str, ...] = ()
    interpreterargs: tuple[str, ...] = ()
    bounds_addresses: bool = False
    file_of_class: bool = False
    syntax_errors: str = ""


#: A warning of Python's compiler is one line, and the line of the source. It comes before all that the program writes.
_PYTHON_WARNING: Final = r"(?:(?:[^\n]*/)?{name}:[0-9]+: SyntaxWarning: [^\n]*\n(?:  [^\n]*\n)?)"
#: An error in the syntax of the source itself comes without a line `Traceback`.
_PYTHON_ERROR: Final = (
    r'  File "(?:[^"\n]*/)?{name}", line [0-9]+\n(?:(?:  [^\n]*)?\n)*+'
    r"(?:SyntaxError|IndentationError|TabError): [^\n]*\n?\Z"
)
_PYTHON: Final = f"{_PYTHON_WARNING}*+{_PYTHON_ERROR}|{_PYTHON_WARNING}++"
_PHP: Final = r"\s*+(?:PHP )?Parse error: [^\n]* in (?:[^\n]*/)?{name} on line [0-9]+(?s:.*)"

_WARNINGS: Final = ("-Wall", "-Werror")
_C: Final = Habits(
    "prog.c", "gcc", warnings_fail=True, compileargs=(*_WARNINGS, "-std=c99", "-xc"), bounds_addresses=True
)
_CPP: Final = Habits("prog.cpp", "g++", warnings_fail=True, compileargs=_WARNINGS, bounds_addresses=True)
_JAVA: Final = Habits(
    "prog.java",
    "javac",
    warnings_fail=True,
    memory_mb=None,
    processes=256,
    interpreterargs=("-Xrs", "-Xss8m", "-Xmx200m"),
    file_of_class=True,
)
_OCTAVE: Final = Habits(
    "prog.m",
    memory_mb=500,
    interpreterargs=("--norc", "--no-window-system", "--silent", "-H"),
    bounds_addresses=True,
)
#: Jobe's ids, in its order -> our code, and the habits.
_OF_JOBE: Final[Mapping[str, tuple[str, Habits]]] = {
    "c": ("c", _C),
    "cpp": ("cpp", _CPP),
    "java": ("java", _JAVA),
    "nodejs": ("js", Habits("prog.js", processes=256, interpreterargs=("--use_strict",))),
    "octave": ("octave", _OCTAVE),
    "pascal": ("pas", Habits("prog.pas", "fpc", compileargs=("-vew", "-Se"), bounds_addresses=True)),
    "php": ("php", Habits("prog.php", interpreterargs=("--no-php-ini",), bounds_addresses=True, syntax_errors=_PHP)),
    "python3": (
        "py",
        Habits("prog.py", memory_mb=1000, interpreterargs=("-BE",), bounds_addresses=True, syntax_errors=_PYTHON),
    ),
}
_OURS: Final = frozenset(code for code, _ in _OF_JOBE.values())
_USUAL: Final = Habits()


@dataclass(frozen=True, slots=True)
class JobeLanguage:
    """A language by its id. `engine_language` runs its programs."""

    id: str
    engine_language: EngineLanguage
    habits: Habits

    @property
    def is_compiled(self) -> bool:
        return bool(self.engine_language.details and self.engine_language.details.compiled)

    @property
    def is_interpreted(self) -> bool:
        """True if a program that runs the programs gets words."""
        return not self.is_compiled or self.habits.file_of_class

    @property
    def version(self) -> str:
        """The number of the version, such as 14.2.0."""
        details = self.engine_language.details
        number = _NUMBER.search(details.version or details.info) if details else None
        return number[0] if number else ""


def languages_of(catalog: LanguageCatalog) -> dict[str, JobeLanguage]:
    """Return the languages by their ids: those of Jobe in its order, and the engine's others under their codes."""
    engine = {code: EngineLanguage(code, details) for code, details in catalog.languages.items()}
    of_jobe = ((id_, code, habits) for id_, (code, habits) in _OF_JOBE.items() if code in engine)
    others = ((code, code, _USUAL) for code in engine if code not in _OURS)
    return {
        id_: JobeLanguage(id_, engine[code], habits)
        for id_, code, habits in (*of_jobe, *others)
        if engine[code].has_run_call
    }
