"""The runtimes: the engine's languages by Piston's names, which clients have in their code. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nodesemver import satisfies

from api_service.doors.program import Naming
from api_service.http.errors import ApiError, Kind
from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.engine_api.codex import version_in
from shared.engine_api.languages import names_in

#: The most characters of a range. npm refuses a longer one.
_MAX_RANGE: Final = 256
_NUMBER: Final = re.compile("[0-9]{1,15}", re.ASCII)
#: Our code -> the language in Piston. A missing language has its code as its name, and our aliases.
_NAMES: Final = names_in("piston")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A language in one version. `engine_language` is the engine's language that runs it.

    `runtime` is the package that provides several languages; None if it has its own package. `compiles` is True if
    Piston has a separate compile step for it. `compiler_args` are the options that Piston's package sets.
    """

    name: str
    version: str
    engine_language: EngineLanguage
    aliases: Sequence[str] = ()
    runtime: str | None = None
    compiles: bool = True
    naming: Naming = "main"
    compiler_args: Sequence[str] = ()

    @property
    def package(self) -> str:
        return self.runtime or self.name

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `GET /runtimes`."""
        entry = {"language": self.name, "version": self.version, "aliases": list(self.aliases)}
        return entry | ({"runtime": self.runtime} if self.runtime else {})


def runtimes_of(catalog: LanguageCatalog) -> list[Runtime]:
    """Return the runtimes of a catalog. Languages of an engine that has only the CodeX call are left out."""
    languages = [EngineLanguage(code, details) for code, details in catalog.languages.items()]
    return [_runtime(engine_language) for engine_language in languages if engine_language.has_run_call]


def find(runtimes: Iterable[Runtime], language: str, version: str) -> Runtime | None:
    """Return the newest runtime with this name or alias whose version is in a range of npm's grammar."""
    fitting = [
        runtime
        for runtime in runtimes
        if (runtime.name == language or language in runtime.aliases) and is_in(runtime.version, version)
    ]
    return max(fitting, key=lambda runtime: tuple(map(int, runtime.version.split("."))), default=None)


def package_of(body: object, runtimes: Sequence[Runtime]) -> Runtime:
    """Return the runtime whose package a body names. Raise `ApiError` (404) if there is none."""
    fields = body if isinstance(body, Mapping) else {}
    language, version = fields.get("language"), fields.get("version")
    for runtime in runtimes:
        if runtime.package == language and isinstance(version, str) and is_in(runtime.version, version):
            return runtime
    raise ApiError(Kind.NOT_FOUND, f"Requested package {language}-{version} does not exist")


def semantic_version(info: str) -> str:
    """Return the three numbers of a version text. Missing numbers are 0."""
    number = version_in(info)
    numbers = number.split(".") if number else _NUMBER.findall(info)[:1]
    return ".".join(str(int(part)) for part in [*numbers, "0", "0", "0"][:3])


def is_in(version: str, wanted: str) -> bool:
    """Return True if a version is in a range of npm's grammar. Return False if the text is not a range."""
    if len(wanted) > _MAX_RANGE:
        return False
    # As npm does. The time of the library's regular expressions grows with the cube of a run of white space.
    wanted = " ".join(wanted.split())
    try:
        return bool(satisfies(version, wanted, loose=False))
    except ValueError:  # no range
        return False


def _runtime(engine_language: EngineLanguage) -> Runtime:
    code, details = engine_language.code, engine_language.details
    assert details
    version = semantic_version(details.info)
    ours = [alias for alias in details.aliases or () if alias != code]
    names = _NAMES.get(code) or {"name": code, "aliases": ours, "compiles": bool(details.compiled)}
    if names["name"] == "python":
        names = {**names, "aliases": [*names["aliases"], f"python{version.rpartition('.')[0]}"]}
    return Runtime(version=version, engine_language=engine_language, **names)
