"""What a program is given to read: its source and its standard input, as files that nobody can change."""

import fcntl
import os
from typing import Final

_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def read_only(content: bytes) -> int:
    """A descriptor at the beginning of `content`, sealed (memfd_create(2)); the caller closes it."""
    descriptor = _new()
    _fill(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Promised:
    """A file whose reader is given away before its content is known."""

    def __init__(self) -> None:
        self._writer = _new()

    def reader(self) -> int:
        """A descriptor that cannot write, at the beginning; the caller closes it."""
        return os.open(f"/proc/self/fd/{self._writer}", os.O_RDONLY | os.O_CLOEXEC)

    def fulfil(self, content: bytes) -> None:
        """Write it, once and for all."""
        _fill(self._writer, content)
        self.close()

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def _new() -> int:
    return os.memfd_create("given", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _fill(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
