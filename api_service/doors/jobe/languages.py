"""The languages by Jobe's ids, and what Jobe does with the programs of each. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api_service.languages.catalog import EngineLanguage, LanguageCatalog
from shared.engine_api.languages import names_in

_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


#: Our codes -> the fields of Jobe's languages, in the order of their ids.
_OF_JOBE: Final = dict(sorted(names_in("jobe").items(), key=lambda item: str(item[1]["id"])))


@dataclass(frozen=True, slots=True)
class JobeLanguage:
    """A language by Jobe's id, and what Jobe does with its programs. `engine_language` runs them.

    `source` is the name of a source without one; "" is the engine's. With `warnings_fail`, a program fails by all that
    the `compiler` says. `memory_mb` 0: the parameter counts for nothing. `processes` is the least number of
    processes. `compileargs` and `interpreterargs` are the words of parameters that are not set. With
    `bounds_addresses`, the memory is a limit of the address space: `malloc` fails, and the program goes on. With
    `file_of_class`, the file is named after its class, which is run.
    """

    id: str
    engine_language: EngineLanguage
    source: str = ""
    compiler: str = "compiler"
    warnings_fail: bool = False
    memory_mb: float = 400
    processes: int = 0
    compileargs: Sequence[str] = ()
    interpreterargs: Sequence[str] = ()
    bounds_addresses: bool = False
    file_of_class: bool = False

    @property
    def version(self) -> str:
        """The number of the version, such as 14.2.0."""
        details = self.engine_language.details
        number = _NUMBER.search(details.version or details.info) if details else None
        return number[0] if number else ""


def languages_of(catalog: LanguageCatalog) -> dict[str, JobeLanguage]:
    """Return the languages by their ids: those of Jobe in its order, and the engine's others under their codes."""
    engine = [EngineLanguage(code, details) for code, details in catalog.languages.items()]
    usable = {language.code: language for language in engine if language.has_run_call}
    codes = [*_OF_JOBE, *(code for code in usable if code not in _OF_JOBE)]
    languages = [
        JobeLanguage(engine_language=usable[code], **_OF_JOBE.get(code, {"id": code}))
        for code in codes
        if code in usable
    ]
    return {language.id: language for language in languages}
