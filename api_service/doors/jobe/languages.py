"""The languages by Jobe's ids, and what Jobe does with the programs of each. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from api_service.doors.languages import names_in
from api_service.languages.catalog import EngineLanguage, LanguageCatalog

_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")


class Habits(BaseModel):
    """What Jobe does with the programs of a language. The lists are the words of parameters that are not set.

    `source` is the name of a source without one; "" is the engine's. With `warnings_fail`, a program fails by all that
    the `compiler` says. `memory_mb` None: the parameter counts for nothing. `processes` is the least number of
    processes. With `bounds_addresses`, the memory is a limit of the address space: `malloc` fails, and the program goes
    on. With `file_of_class`, the file is named after its class, which is run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    source: str = ""
    compiler: str = "compiler"
    warnings_fail: bool = False
    memory_mb: float | None = 400
    processes: int = 0
    compileargs: tuple[str, ...] = ()
    interpreterargs: tuple[str, ...] = ()
    bounds_addresses: bool = False
    file_of_class: bool = False


_USUAL: Final = Habits()
_OF_JOBE: Final = {code: Habits.model_validate(habits) for code, habits in names_in("jobe").items()}


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
    engine = [EngineLanguage(code, details) for code, details in catalog.languages.items()]
    usable = {language.code: language for language in engine if language.has_run_call}
    languages = {
        habits.id: JobeLanguage(habits.id, usable[code], habits)
        for code, habits in sorted(_OF_JOBE.items(), key=lambda item: item[1].id)
        if code in usable
    }
    others = {code: JobeLanguage(code, one, _USUAL) for code, one in usable.items() if code not in _OF_JOBE}
    return languages | others
