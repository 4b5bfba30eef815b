"""The reading end of a program's output: keeps so many bytes, and knows that there were more."""

import asyncio
import os
from collections.abc import Callable

_READ_SIZE = 65536


class Capture:
    """One pipe. The end for the program is its taker's to close (`take_writer`)."""

    def __init__(self, limit: int, on_overflow: Callable[[], None] | None) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._limit = limit
        self._on_overflow = on_overflow
        self._kept = bytearray()
        self.truncated = False
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._listen)  # the program begins first

    def take_writer(self) -> int:
        writer, self._writer = self._writer, -1
        return writer

    def finish(self) -> bytes:
        """Everything that fits, once no program is left to write any more."""
        while self._read():
            pass
        return bytes(self._kept)

    def close(self) -> None:
        if self._writer >= 0:
            os.close(self.take_writer())
        if self._reader >= 0:
            self._loop.remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1

    def _listen(self) -> None:
        if self._reader >= 0:
            self._loop.add_reader(self._reader, self._read)

    def _read(self) -> bool:
        """Take what is there; False at the end, or when there is nothing."""
        try:
            block = os.read(self._reader, _READ_SIZE)
        except BlockingIOError:
            return False
        if not block:
            self._loop.remove_reader(self._reader)
            return False
        room = self._limit - len(self._kept)
        self._kept += block[:room]
        if len(block) > room and not self.truncated:
            self.truncated = True
            if self._on_overflow:
                # Whoever goes on writing waits, rather than use up its time, until it is stopped.
                self._loop.remove_reader(self._reader)
                self._on_overflow()
        return True
