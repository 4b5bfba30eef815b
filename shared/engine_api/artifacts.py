"""The files that a program wrote to its folder `out` and that came back, as their result describes them.

Their contents are in the object store. The names and contents are the program's, so they are hostile.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from pydantic import TypeAdapter

#: The types that a page may show. Browsers run no code of them.
IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
#: The type of everything that is not known to be harmless, such as HTML and SVG: browsers only save it.
UNKNOWN: Final = "application/octet-stream"

#: Each type, the place of its first bytes, and these bytes.
_MAGIC: Final = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBPVP8"),
    ("application/pdf", 0, b"%PDF-"),
    ("application/zip", 0, b"PK\x03\x04"),
)
#: The types of texts by their extensions.
_TEXTS: Final = {
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact of a result: its content is the object with this `key`, and has this digest."""

    name: str
    bytes: int
    media_type: str
    sha256: str
    key: str


#: Reads and writes the value of `results.artifacts`.
ARTIFACTS: Final = TypeAdapter(tuple[StoredArtifact, ...])


def media_type_of(name: str, content: bytes) -> str:
    """Return the type of a file, by its first bytes or else by its extension."""
    for media_type, start, magic in _MAGIC:
        if content.startswith(magic, start) and (start == 0 or content.startswith(b"RIFF")):
            return media_type
    text_type = _TEXTS.get(PurePosixPath(name).suffix.lower())
    return text_type if text_type and _is_text(content) else UNKNOWN


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content
