"""Reads a program's output, up to a limit."""

import asyncio
import os
from collections.abc import Callable

_READ_SIZE = 65536
#: Bytes of the end of an output of which only the beginning is kept.
_END_BYTES = 4096


class Capture:
    """One pipe. The caller of `take_writer` passes that end to the program, and closes it.

    `truncated` is True if there was more than `limit` bytes; then `on_overflow` has been called. `on_block` gets each
    block, as far as it is within the limit. `written` is all of these. Of them, only the first
    `kept_bytes` and the end are kept, if it is given.
    """

    def __init__(
        self,
        limit: int,
        on_overflow: Callable[[], None] | None,
        on_block: Callable[[bytes], None] | None = None,
        kept_bytes: int | None = None,
    ) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._limit = limit
        self._on_overflow = on_overflow
        self._on_block = on_block
        self._kept_bytes = limit if kept_bytes is None else kept_bytes
        self._kept = bytearray()
        self._end = b""
        self.written = 0
        self.truncated = False
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._listen)  # at the loop's next turn, so that the program starts first

    def take_writer(self) -> int:
        writer, self._writer = self._writer, -1
        return writer

    def finish(self) -> bytes:
        """Return what is kept of the output, after all writers have ended."""
        while self._read():
            pass
        return bytes(self._kept) + self._end

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
        """Read a block. Returns False at the end, or if there is nothing to read."""
        try:
            block = os.read(self._reader, _READ_SIZE)
        except BlockingIOError:
            return False
        if not block:
            self._loop.remove_reader(self._reader)
            return False
        room = self._limit - self.written
        taken = block[:room]
        self.written += len(taken)
        room_to_keep = self._kept_bytes - len(self._kept)
        self._kept += taken[:room_to_keep]
        self._end = (self._end + taken[room_to_keep:])[-_END_BYTES:]
        if self._on_block and room:
            self._on_block(taken)
        if len(block) > room and not self.truncated:
            self.truncated = True
            if self._on_overflow:
                # A program that keeps writing then blocks until it is stopped, and does not use up its CPU time.
                self._loop.remove_reader(self._reader)
                self._on_overflow()
        return True
