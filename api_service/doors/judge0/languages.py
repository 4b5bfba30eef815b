"""Judge0's ids of our languages, and of those that it has archived."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api_service.languages.catalog import EngineLanguage, LanguageCatalog

#: The languages that Judge0 has. `active` are those that we run, by our codes, with their names, in which `{}` stands
#: for the version of the tools. Clients know a language by the first of its ids; the others belong to other versions.
#: `source_file` is Judge0's name of the source, where ours differs. `archived` are names, by ids from 1.
_KNOWN: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "languages.json").read_text())

#: The language whose programs print their source.
PLAIN_TEXT: Final = 43
#: The language whose source is an executable file.
EXECUTABLE: Final = 44
#: The language whose program is in the additional files.
MULTI_FILE: Final = 89
#: Id of a language that we run by a script in Bash -> its name, and the name of its source file.
_OF_BASH: Final = {
    PLAIN_TEXT: ("Plain Text", "text.txt"),
    EXECUTABLE: ("Executable", "a.out"),
    MULTI_FILE: ("Multi-file program", None),
}


@dataclass(frozen=True, slots=True)
class Judge0Language:
    """A language under one of its ids. `engine_language` runs its programs; None if it is archived.

    `source_file` is None if its programs have no source of their own.
    """

    id: int
    name: str
    source_file: str | None
    engine_language: EngineLanguage | None

    @property
    def is_archived(self) -> bool:
        return self.engine_language is None

    @property
    def is_compiled(self) -> bool:
        details = self.engine_language.details if self.engine_language else None
        return self.id not in _OF_BASH and bool(details and details.compiled)

    def listed(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}

    def described(self) -> dict[str, Any]:
        """Return the answer to `GET /languages/{id}`."""
        details = self.engine_language.details if self.engine_language else None
        has_commands = details is not None and self.id not in _OF_BASH
        return {
            **self.listed(),
            "is_archived": self.is_archived,
            "source_file": self.source_file,
            "compile_cmd": details.compile if details and has_commands else None,
            "run_cmd": (details.run or "") if details and has_commands else "",
        }


def languages(catalog: LanguageCatalog) -> list[Judge0Language]:
    """Return the languages that can be used, by name."""
    return sorted(_usable(catalog), key=_by_name)


def all_languages(catalog: LanguageCatalog) -> list[Judge0Language]:
    """Return the languages that can be used and those that are archived, by name."""
    archived = (Judge0Language(number, name, "", None) for number, name in enumerate(_KNOWN["archived"], 1))
    return sorted([*_usable(catalog), *archived], key=_by_name)


def find(catalog: LanguageCatalog, number: int) -> Judge0Language | None:
    """Return the language with this id; None if there is none."""
    return next((language for language in all_languages(catalog) if language.id == number), None)


def _usable(catalog: LanguageCatalog) -> Iterator[Judge0Language]:
    for code, known in _KNOWN["active"].items():
        if (engine_language := catalog.find(code)) is not None:
            version = (engine_language.details and engine_language.details.version) or ""
            name = known["name"].format(version) if version else known["name"].partition(" (")[0]
            for number in known["ids"]:
                yield Judge0Language(number, name, known.get("source_file", engine_language.main), engine_language)
    if (bash := catalog.find("bash")) is not None:
        for number, (name, source_file) in _OF_BASH.items():
            yield Judge0Language(number, name, source_file, bash)


def _by_name(language: Judge0Language) -> tuple[str, int]:
    return language.name, language.id
