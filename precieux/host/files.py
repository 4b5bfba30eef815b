"""Reads and writes the files that a command names. Raises `UsageError` if that fails."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from precieux.errors import UsageError

#: Stands for standard input.
STDIN: Final = Path("-")


def read(path: Path) -> bytes:
    """Return the content of a file, or of standard input (`-`)."""
    with _explained(path, "read"):
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()


def read_text(path: Path) -> str:
    """Return the text of a file, or of standard input (`-`). Line ends stay as they are."""
    try:
        return read(path).decode()
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not text in UTF-8.") from exc


def list_folder(folder: Path) -> list[Path]:
    """Return what is in a folder, in no order."""
    with _explained(folder, "read"):
        return list(folder.iterdir())


def write(path: Path, content: bytes) -> None:
    """Write a file, or replace its content."""
    with _explained(path, "written"):
        path.write_bytes(content)


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise UsageError(f"{path} cannot be {what}: {exc.strerror}.") from exc
