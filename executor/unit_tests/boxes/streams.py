"""The standard streams of the student's program."""

import fcntl
import io
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, Final

#: Where descriptors stand that no program expects.
HIGH: Final = 100
#: The most bytes of each file of a program, where an output cannot be bounded by itself.
_MAX_FILE: Final = 16 << 20


class BoundedStream:
    """What the program writes to a standard stream. It is a file that cannot grow, so a program that writes without end
    is refused at once, some way beyond its limit: the tests' box sees that it is over."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self._size = descriptor, size
        file = _open_file(descriptor, size)
        os.dup2(file, descriptor)
        self._file = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, HIGH)
        os.close(file)

    def take(self) -> str:
        """Return what was written since the last time."""
        name = ("stdin", "stdout", "stderr")[self._descriptor]
        try:
            getattr(sys, name).flush()
        except OSError:  # it is full: without this, its buffer would be written again and again
            buffer = open(self._descriptor, "wb", closefd=False)  # noqa: SIM115
            setattr(sys, name, io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=True))
        except Exception:  # noqa: S110  # the program has put something else in its place
            pass
        length = os.lseek(self._file, 0, os.SEEK_CUR)
        if not length:
            return ""
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.pread(self._file, min(length, self._size), 0).decode("utf-8", "replace")


def _open_file(descriptor: int, size: int) -> int:
    """Return the descriptor of a file that cannot grow much beyond `size` bytes."""
    try:
        file = os.memfd_create("output", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    except OSError:  # the sandbox refuses that where it cannot bound memory exactly
        path = f"/tmp/output-{descriptor}"  # noqa: S108  # the box has a folder of its own there
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(size, _MAX_FILE), hard))
    else:
        os.ftruncate(file, size)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    return file


class AskingStream(io.TextIOBase):
    """The standard input, which asks the tests."""

    def __init__(self, ask: Callable[[dict[str, Any]], Any]) -> None:
        self._ask = ask

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        return str(self._ask({"input": "readline"}))

    def read(self, size: int | None = -1) -> str:
        return str(self._ask({"input": "read"}))

    def readable(self) -> bool:
        return True
