"""Judge0's ids of our languages, and of those that it has archived."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.engine_api.codex import SupportedLanguage
from shared.engine_api.languages import names_in

#: The languages that we run, by our codes, with their names, in which `{}` stands for the version of the tools. Clients
#: know a language by the first of its `ids`; the others belong to other versions. `source_file` is Judge0's name of the
#: source, where ours differs.
_NAMES: Final = names_in("judge0")
#: The names of the languages that Judge0 has archived, by ids from 1. Clients have them in their code.
_ARCHIVED: Final[list[str]] = json.loads((Path(__file__).parent / "archived.json").read_text())
#: The language whose programs print their source, that whose source is an executable file, and that whose program is in
#: the additional files.
PLAIN_TEXT, EXECUTABLE, MULTI_FILE = 43, 44, 89
#: Id of a language that we run by a script in Bash -> its name, and the name of its source file.
_OF_BASH: Final = {
    PLAIN_TEXT: ("Plain Text", "text.txt"),
    EXECUTABLE: ("Executable", "a.out"),
    MULTI_FILE: ("Multi-file program", None),
}


@dataclass(frozen=True, slots=True)
class Judge0Language:
    """A language under an id of Judge0. `engine_language` runs its programs; None if it is archived.

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
    def commands(self) -> SupportedLanguage | None:
        """The engine's row of a language that is compiled or run by commands of its own; None if it is not known."""
        return self.engine_language.details if self.engine_language and self.id not in _OF_BASH else None

    @property
    def is_compiled(self) -> bool:
        return bool(self.commands and self.commands.compiled)

    @property
    def listed(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}

    @property
    def described(self) -> dict[str, Any]:
        """The answer to `GET /languages/{id}`."""
        compiler, program = (self.commands.compile, self.commands.run) if self.commands else (None, None)
        commands = {"compile_cmd": compiler, "run_cmd": program or ""}
        return {**self.listed, "is_archived": self.is_archived, "source_file": self.source_file, **commands}


def languages_of(catalog: LanguageCatalog) -> dict[int, Judge0Language]:
    """Return the languages that can be used and those that are archived, by their ids, in the order of their names."""
    archived = (Judge0Language(number, name, "", None) for number, name in enumerate(_ARCHIVED, 1))
    in_order = sorted([*_usable(catalog), *archived], key=lambda language: (language.name, language.id))
    return {language.id: language for language in in_order}


def _usable(catalog: LanguageCatalog) -> Iterator[Judge0Language]:
    for code, names in _NAMES.items():
        if (engine_language := catalog.find(code)) is not None:
            version = (engine_language.details and engine_language.details.version) or ""
            name = names["name"].format(version) if version else names["name"].partition(" (")[0]
            for number in names["ids"]:
                yield Judge0Language(number, name, names.get("source_file", engine_language.main), engine_language)
    if (bash := catalog.find("bash")) is not None:
        for number, (name, source_file) in _OF_BASH.items():
            yield Judge0Language(number, name, source_file, bash)
