"""The names of the languages: for clients, for people, and in other systems.

Each language has a file in `definitions`, by its CodeX code. The first paragraph of the file is for all services, which
start sooner without the rest. The executor reads there how to compile and run programs (`executor.languages`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: The folder of the languages' files.
DEFINITIONS: Final = Path(__file__).parent / "definitions"
#: The position of a language whose file has none.
LAST: Final = 10_000


@dataclass(frozen=True)
class PackageNames:
    """A language in problem packages: its `code` in their format, and how types of sources in Polygon's begin.

    Sources have these `extensions`, or else those of `source_file`. If a program has as many files in one language as
    in another, it is in the language with the lower `rank`.
    """

    code: str
    rank: int
    extensions: tuple[str, ...] = ()
    polygon: str = ""


@dataclass(frozen=True, slots=True)
class LanguageNames:
    """The keys in the first paragraph of a language's file.

    `title` is its name for people, and `aliases` are the names that a client may write. Lists of languages are in the
    order of their `position`. `main_file` is the usual name of a source, and `extensions` are those that name the
    language, without a dot. `doors` has what other systems call it, by the name of the front door.
    """

    code: str
    title: str
    aliases: tuple[str, ...]
    position: int
    main_file: str
    extensions: tuple[str, ...]
    package: PackageNames | None
    doors: Mapping[str, Mapping[str, Any]]

    @property
    def usual_extension(self) -> str:
        """The extension of `main_file`, without a dot."""
        return self.main_file.rpartition(".")[2]


def _read(file: Path) -> LanguageNames:
    table = tomllib.loads(file.read_text("utf-8").partition("\n\n")[0])
    source, package = table["source_file"], table.get("package")
    extensions = source.get("extensions") or [source["name"].rpartition(".")[2]]
    return LanguageNames(
        file.stem,
        table["title"],
        tuple(table["aliases"]),
        table.get("position", LAST),
        source["name"],
        (*extensions, *table.get("other_extensions", ())),
        PackageNames(**{**package, "extensions": tuple(package.get("extensions", extensions))}) if package else None,
        table.get("doors", {}),
    )


#: The languages by CodeX code, in the order of their positions.
LANGUAGES: Final = {
    language.code: language
    for language in sorted(
        (_read(file) for file in DEFINITIONS.iterdir() if file.suffix == ".toml"),
        key=lambda language: (language.position, language.code),
    )
}
#: The names of each language that a client may write, by its code.
ALIASES: Final = {code: language.aliases for code, language in LANGUAGES.items()}
#: The names of the languages by their codes, as people write them.
NAMES: Final = {code: language.title for code, language in LANGUAGES.items()}

_POSITIONS: Final = {code: position for position, code in enumerate(LANGUAGES)}
_CODES: Final = {alias: code for code, aliases in ALIASES.items() for alias in aliases}


def check_lang(name: str) -> str | None:
    """Return the CodeX code of a language's name; None if it is unknown. Case and outer spaces do not matter."""
    return _CODES.get(name.strip().lower())


def name_of(language: str) -> str:
    """Return the name of a language by one of its aliases; an unknown one is returned as it is."""
    return NAMES.get(check_lang(language) or language, language)


def position_of(code: str) -> int:
    """Return the position of a language in lists. Unknown languages come last."""
    return _POSITIONS.get(code, len(_POSITIONS))


def names_in(door: str) -> dict[str, Mapping[str, Any]]:
    """Return what the system of a front door has for each of our languages, by their codes."""
    return {code: language.doors[door] for code, language in LANGUAGES.items() if door in language.doors}
