"""A submission that is valid and not registered yet. Both APIs make it, and `submissions.service` registers it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.files.archives import pack
from shared.storage.keys import is_extension

_ARCHIVE: Final = "zip"


@dataclass(frozen=True, slots=True)
class Object:
    """The object that keeps a submission's files: its only file, or a zip of several. `extension` has no dot."""

    data: bytes = field(repr=False)
    extension: str

    @property
    def suffix(self) -> str:
        """The end of the object's key, after the submission's id."""
        return f".{self.extension}" if self.extension else ""

    @property
    def content_type(self) -> str:
        return "application/zip" if self.extension == _ARCHIVE else "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Tests:
    """The tests of a submission as JSON. `text_bytes` are the bytes of their texts (`text_bytes_of`)."""

    __test__ = False  # pytest would take it for a test

    json: str = field(repr=False)
    text_bytes: int
    have_limits: bool


@dataclass(frozen=True, slots=True)
class V1Columns:
    """The columns of `uploads` that only API v1 fills. `text_bytes` are the bytes of their texts (`text_bytes_of`)."""

    spec: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]]
    expected_output: str | None = None
    tests: Tests | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str | None = None
    batch: int | None = None
    text_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """The values of a row of `uploads`. `id` is the one that a client of the classic calls has chosen."""

    language: str
    filename: str
    source: Object
    stdin: str = field(default="", repr=False)
    email: str | None = None
    id: int | None = None
    enable: int = 0
    v1: V1Columns | None = None
    #: False: it is run at once.
    hold: bool = True

    @property
    def size_bytes(self) -> int:
        """The bytes of its source, its inputs, and all other texts that are stored for it."""
        return len(self.source.data) + len(self.stdin.encode()) + (self.v1.text_bytes if self.v1 else 0)

    @property
    def stored_bytes(self) -> int:
        """The bytes that are stored for it while it waits, before the database compresses them."""
        v1 = self.v1
        if v1 is None:
            return self.size_bytes
        texts = [self.stdin, v1.expected_output or "", v1.tests.json if v1.tests else ""]
        texts += [as_json(v1.spec), as_json(v1.files), as_json(v1.metadata)]
        return len(self.source.data) + sum(len(text.encode()) for text in texts)


def as_json(value: object) -> str:
    """Return a value as the JSON that is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def text_bytes_of(value: object) -> int:
    """Return the bytes of all texts in a value, those in lists and mappings too."""
    match value:
        case str():
            return len(value.encode())
        case Mapping():
            return sum(map(text_bytes_of, value.values()))
        case list() | tuple():
            return sum(map(text_bytes_of, value))
    return 0


def stored(files: Mapping[str, bytes]) -> Object:
    """Return the object that holds these files."""
    if len(files) > 1:
        return Object(pack(files), _ARCHIVE)
    [(path, data)] = files.items()
    name = path.rpartition("/")[2]
    extension = name.rpartition(".")[2] if "." in name else ""
    # An object that ends with `.zip` is an archive.
    usable = is_extension(extension) and extension.lower() != _ARCHIVE
    return Object(data, extension if usable else "")
