"""Opens and reads files below a folder that is open already."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def opened(folder: int, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Yield a descriptor of the file, which is closed at the end of the block."""
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(folder: int, path: str) -> bytes:
    """Return the first 4096 bytes. Every sample reads several files of each process, so this does not use `opened`."""
    descriptor = os.open(path, os.O_RDONLY, dir_fd=folder)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def write(folder: int, path: str, content: bytes) -> None:
    """Write to a file that exists."""
    with opened(folder, path, os.O_WRONLY) as descriptor:
        os.write(descriptor, content)


def names_in(folder: int, path: str) -> list[str]:
    """Return the names in a folder."""
    with opened(folder, path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        return os.listdir(descriptor)
