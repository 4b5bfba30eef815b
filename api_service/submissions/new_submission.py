"""A submission that is valid and not registered yet. Both APIs make it, and `submissions.service` registers it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.adapters.storage.keys import is_extension
from shared.adapters.storage.sources import MAX_IN_ROW
from shared.common.files.archives import pack
from shared.engine_api.program import FileSpec, Program

_ARCHIVE: Final = "zip"


@dataclass(frozen=True, slots=True)
class Object:
    """A submission's only file, or a zip of several, as it is stored. `extension` has no dot."""

    data: bytes = field(repr=False)
    extension: str

    @property
    def suffix(self) -> str:
        """The end of the object's key, after the submission's id."""
        return f".{self.extension}" if self.extension else ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def content_type(self) -> str:
        return "application/zip" if self.extension == _ARCHIVE else "text/plain; charset=utf-8"


JSON_COLUMNS: Final = frozenset({"spec", "files", "tests", "metadata"})


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """The values of a row of `uploads`. `id` is the one that a client of the classic calls has chosen.

    A submission of a classic call has no `spec` and nothing after it. `text_bytes` are the bytes of the texts of those
    (`text_bytes_of`), and of the files of its judges. Unless it is on `hold`, it is run at once. `tests` are JSON.
    `judges` has the object of each program that judges it.

    `problem_version` is the id of the version that it is submitted to. Its `spec` then has the key `problem`, and
    neither tests nor judges of its own (`shared.records.problems.submitting`).
    """

    language: str
    filename: str
    source: Object
    stdin: str = field(default="", repr=False)
    email: str | None = None
    id: int | None = None
    enable: int = 0
    hold: bool = True
    spec: Program | None = None
    files: Sequence[FileSpec] | None = None
    expected_output: str | None = None
    tests: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] | None = None
    webhook_url: str | None = None
    batch: int | None = None
    text_bytes: int = 0
    judges: Mapping[str, Object] = field(default_factory=dict)
    problem_version: int | None = None

    @property
    def columns(self) -> dict[str, object]:
        """The columns that its sender fills."""
        return {
            "email": self.email,
            "inputs": self.stdin,
            "language": self.language,
            "enable": self.enable,
            "filename": self.filename,
            "size_bytes": len(self.source.data),
            "spec": None if self.spec is None else as_json(self.spec.stored()),
            "files": None if self.files is None else as_json([file.model_dump() for file in self.files]),
            "expected_output": self.expected_output,
            "tests": self.tests,
            "metadata": as_json(self.metadata) if self.metadata else None,
            "webhook_url": self.webhook_url,
            "batch": self.batch,
            "problem_version": self.problem_version,
            "content": self.source.data if self.is_in_row else None,
        }

    @property
    def is_in_row(self) -> bool:
        """True if its row holds its source, which then needs no object. A classic one is in the store, as it was."""
        return self.spec is not None and len(self.source.data) <= MAX_IN_ROW

    @property
    def has_objects(self) -> bool:
        """True if the store must hold files of it."""
        return not self.is_in_row or bool(self.judges)

    @property
    def size_bytes(self) -> int:
        """The bytes of the source, the inputs, the judges, and all other stored texts."""
        return len(self.source.data) + len(self.stdin.encode()) + self.text_bytes

    @property
    def stored_bytes(self) -> int:
        """The bytes that are stored for it while it waits, before the database compresses them."""
        if self.spec is None:
            return self.size_bytes
        columns = self.columns
        texts = [columns[name] for name in ("inputs", "expected_output", *sorted(JSON_COLUMNS))]
        objects = (self.source, *self.judges.values())
        return sum(len(stored.data) for stored in objects) + text_bytes_of(texts)


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


def archive_of(files: Mapping[str, bytes]) -> Object:
    """Return the archive of these files, even if there is only one."""
    return Object(pack(files), _ARCHIVE)


def stored(files: Mapping[str, bytes]) -> Object:
    """Return the object that holds these files."""
    if len(files) > 1:
        return archive_of(files)
    [(path, data)] = files.items()
    name = path.rpartition("/")[2]
    extension = name.rpartition(".")[2] if "." in name else ""
    # An object that ends with `.zip` is an archive.
    usable = is_extension(extension) and extension.lower() != _ARCHIVE
    return Object(data, extension if usable else "")
