"""The runtimes: the languages that the engine offers, by Piston's names and with full versions. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nodesemver import satisfies

from api_service.doors.piston.languages import LANGUAGES, Naming, PistonLanguage
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.engine.codex import version_in

#: The most characters of a range. npm refuses a longer one.
_LONGEST_RANGE: Final = 256
_NUMBER: Final = re.compile("[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Runtime:
    """A language in one version. `engine_language` is the engine's language that runs it."""

    piston: PistonLanguage
    version: str
    aliases: tuple[str, ...]
    engine_language: EngineLanguage

    @property
    def language(self) -> str:
        return self.piston.name

    @property
    def package(self) -> str:
        return self.piston.runtime or self.piston.name

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `GET /runtimes`."""
        entry: dict[str, Any] = {"language": self.language, "version": self.version, "aliases": list(self.aliases)}
        return entry | ({"runtime": self.piston.runtime} if self.piston.runtime else {})


def runtimes_of(catalog: LanguageCatalog) -> list[Runtime]:
    """Return the runtimes of a catalog. Languages of an engine that has only the CodeX call are left out."""
    found = [EngineLanguage(code, details) for code, details in catalog.languages.items()]
    return [_runtime(engine_language) for engine_language in found if engine_language.has_run_call]


def find(runtimes: Iterable[Runtime], language: str, version: str) -> Runtime | None:
    """Return the newest runtime with this name or alias whose version is in a range of npm's grammar."""
    fitting = [
        runtime
        for runtime in runtimes
        if (runtime.language == language or language in runtime.aliases) and is_in(runtime.version, version)
    ]
    return max(fitting, key=lambda runtime: tuple(map(int, runtime.version.split("."))), default=None)


def semantic_version(info: str) -> str:
    """Return the three numbers of a version text. Missing numbers are 0."""
    number = version_in(info)
    numbers: Sequence[str] = number.split(".") if number else _NUMBER.findall(info)[:1]
    return ".".join(str(int(each)) for each in [*numbers, "0", "0", "0"][:3])


def is_in(version: str, wanted: str) -> bool:
    """Return True if a version is in a range of npm's grammar. Return False if the text is not a range."""
    if len(wanted) > _LONGEST_RANGE:
        return False
    # As npm does. The time of the library's regular expressions grows with the cube of a run of white space.
    wanted = " ".join(wanted.split())
    try:
        return bool(satisfies(version, wanted, loose=False))
    except ValueError:  # no range
        return False


def _runtime(engine_language: EngineLanguage) -> Runtime:
    details = engine_language.details
    assert details
    version = semantic_version(details.info)
    piston = LANGUAGES.get(engine_language.code) or PistonLanguage(
        engine_language.code,
        tuple(alias for alias in details.aliases or () if alias != engine_language.code),
        compiles=bool(details.compiled),
        naming=Naming.MAIN,
    )
    aliases = piston.aliases
    if piston.name == "python":
        aliases = (*aliases, f"python{version.rpartition('.')[0]}")
    return Runtime(piston, version, aliases, engine_language)
