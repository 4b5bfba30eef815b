"""Reads and writes the files that a command names. Raises `UsageError` if that fails."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from precieux.errors import UsageError
from shared.common.files.atomic_write import replace_file

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


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it is in; it may be there."""
    with _explained(folder, "made"):
        folder.mkdir(parents=True, exist_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a file, or replace its content."""
    with _explained(path, "written"):
        path.write_bytes(content)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or replace it, so that it never has a part of the content. A device is written as it is."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        write(target, content)
        return
    umask = os.umask(0)
    os.umask(umask)
    with _explained(path, "written"):
        replace_file(target, content, stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~umask)


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise UsageError(f"{path} cannot be {what}: {exc.strerror}.") from exc
