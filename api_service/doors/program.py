"""The program of a front door's client: the names of its files, its limits, and what is made from it. Pure."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from pydantic_core import to_json

from api_service.languages.catalog import EngineLanguage
from shared.engine_api.codex import LimitBounds
from shared.engine_api.run_call.request import Encoding

#: The name of a file that was sent without one, by its position.
UNNAMED: Final = "file{}.code"
_UNNAMED: Final = re.compile(r"file[0-9]+\.code")
#: Files that C and C++ sources include. They keep their names.
_HEADERS: Final = frozenset({".h", ".hh", ".hpp", ".hxx", ".inc", ".ipp", ".tpp"})

#: Selects the sources that get the language's extension if their names lack one: none, the entry, or all. Clients often
#: send no names. Interpreters run a file of any name, but most compilers do not.
Naming = Literal["as sent", "main", "all"]


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a client. Only one that `is_source` may be compiled or run."""

    path: str
    data: bytes = field(repr=False)
    is_source: bool


@dataclass(frozen=True, slots=True)
class DoorProgram:
    """A program as the engine gets it. `fields` are those of its request besides language, files, input and tests."""

    language: EngineLanguage
    files: Mapping[str, bytes]
    entry: str
    args: Sequence[str]
    fields: Mapping[str, Any]

    def engine_request(self, stdin: str = "") -> bytes:
        files = [
            {"path": path, "content": b64encode(data).decode(), "encoding": Encoding.BASE64}
            for path, data in self.files.items()
        ]
        tests = [{"args": self.args, "stdin": stdin}]
        program = {"language": self.language.code, "files": files, "entry": self.entry, "tests": tests}
        return to_json({**self.fields, **program})


def within(limits: Mapping[str, float], bounds: Mapping[str, LimitBounds]) -> dict[str, float]:
    """Return limits that are at most the engine's maxima. Those that the engine does not have are left out."""
    return {name: min(limit, bounds[name].max) for name, limit in limits.items() if name in bounds}


def named(files: Sequence[SentFile], language: EngineLanguage, naming: Naming) -> list[SentFile]:
    """Return the files with the names that the compiler needs. The first source is the program that is run."""
    taken = {file.path for file in files}
    main = next(file for file in files if file.is_source)
    extensions, renamed = language.extensions, []
    for file in files:
        ending = PurePosixPath(file.path).suffix
        is_wanted = naming == "all" or (naming == "main" and file is main)
        if file.is_source and is_wanted and ending not in extensions and (file is main or ending not in _HEADERS):
            # A module of D is named after its file, so the name of a file without one would not do.
            path = f"main{extensions[0]}" if file is main and _UNNAMED.fullmatch(file.path) else file.path
            while path in taken:
                path += extensions[0]
            taken.add(path)
            file = replace(file, path=path)
        renamed.append(file)
    return renamed
