"""Finds the statements of a package and the files that they need, in every format. Pure."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from shared.judging.packages.model import ArchiveFile, Package

#: Polygon's names of languages, with their codes.
STATEMENT_LANGUAGES: Final = {"english": "en", "russian": "ru", "german": "de", "french": "fr", "spanish": "es"}
#: The kinds of statements, the one that reads best first.
KINDS: Final = ("html", "md", "pdf", "tex", "txt")
#: The endings of the pictures that a statement may show, with their media types.
PICTURES: Final = {
    ".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml",
    ".webp": "image/webp",
}  # fmt: skip
#: Larger files, and what is beyond this sum, are not kept.
_MAX_FILE: Final = 8 << 20
_MAX_ALL: Final = 32 << 20

#: The paths of statements: of the formats of Kattis, of DOMjudge, and of Polygon.
_STATEMENTS: Final = (
    re.compile(r"(?:problem_)?statement/problem(?:\.(?P<language>[a-zA-Z-]{2,20}))?\.(?P<kind>html|md|pdf|tex)"),
    re.compile(r"(?P<language>)problem\.(?P<kind>html|pdf|txt)"),
    re.compile(r"statements/(?:\.\w+/)?(?P<language>[a-z]{2,20})/problem\.(?P<kind>html|pdf|tex)"),
)
_FOLDERS: Final = ("problem_statement/", "statement/", "statements/")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: its path in the package, its language, and one of `KINDS`."""

    path: str
    language: str
    kind: str


def statement_files(package: Package) -> dict[str, ArchiveFile]:
    """Return the statements and the pictures beside them, by their paths, as far as they are not too large."""
    kept: dict[str, ArchiveFile] = {}
    pictures = [path for path in package.files if path.startswith(_FOLDERS) and type_of_picture(path)]
    room = _MAX_ALL
    for path in (*sorted(path for path in package.files if _statement(path)), *sorted(pictures)):
        file = package.files[path]
        if file.size_bytes <= min(_MAX_FILE, room):
            kept[path] = file
            room -= file.size_bytes
    return kept


def statements_in(files: Mapping[str, ArchiveFile], *languages: str) -> list[Statement]:
    """Return the statements in the first of these languages that has any, else in another one. They read best first."""
    statements = [statement for path in sorted(files) if (statement := _statement(path))]
    written = [statement.language for statement in statements]
    chosen = next((language for language in (*languages, *written) if language in written), None)
    of_language = [statement for statement in statements if statement.language == chosen]
    return sorted(of_language, key=lambda statement: KINDS.index(statement.kind))


def picture_at(files: Mapping[str, ArchiveFile], statement: Statement, address: str) -> str | None:
    """Return the path of the picture that a statement names by this address; None if no such picture is kept."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(statement.path), unquote(address)))
    return path if path in files and type_of_picture(path) else None


def type_of_picture(path: str) -> str | None:
    """Return the media type of a picture; None for all other files."""
    return PICTURES.get(posixpath.splitext(path)[1].lower())


def _statement(path: str) -> Statement | None:
    for pattern in _STATEMENTS:
        if match := pattern.fullmatch(path):
            language = (match["language"] or "en").lower()
            return Statement(path, STATEMENT_LANGUAGES.get(language, language), match["kind"])
    return None
