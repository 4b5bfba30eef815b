"""A program's source and standard input, as files in memory that cannot be changed."""

import fcntl
import os
from typing import Final

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed_file(content: bytes) -> int:
    """Return a descriptor at the start of a sealed file (memfd_create(2)). The caller closes it."""
    descriptor = _new_file()
    _fill(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class DeferredFile:
    """A file that a program may open before its content is known. Until then it is empty."""

    def __init__(self) -> None:
        self._writer = _new_file()

    def reader(self) -> int:
        """Return a read-only descriptor at the start. The caller closes it."""
        return os.open(f"/proc/self/fd/{self._writer}", os.O_RDONLY | os.O_CLOEXEC)

    def set_content(self, content: bytes) -> None:
        """Write the content and seal the file. Call it once."""
        _fill(self._writer, content)
        self.close()

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def _new_file() -> int:
    return os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _fill(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
