"""Receives files that process 1 of a box has collected (`send_files` in init/collect.c)."""

import asyncio
import contextlib
import os
import socket
from typing import BinaryIO, Final

from executor.sandbox.base import LeftOut, SandboxFailure, WorkFile
from executor.sandbox.keeper import channel
from executor.sandbox.streams.step import SMALL

#: Why files of the out folder are left out, in the order in which process 1 sends their numbers (init/collect.c).
_REASONS: Final = (LeftOut.TOO_MANY, LeftOut.TOO_LARGE, LeftOut.NOT_A_FILE, LeftOut.UNREADABLE)


class CollectedFiles:
    """One socket pair. The caller of `take_writer` passes that end to process 1 of the box, and closes it."""

    def __init__(self) -> None:
        self._reader, self._writer = channel.wide_pair()

    def take_writer(self) -> int:
        return self._writer.detach()

    async def read(self, kept_bytes: int | None) -> tuple[dict[str, WorkFile], dict[LeftOut, int], int]:
        """Return the files by name, the number left out for each reason, and the bytes of all files.

        Of each file, only the first `kept_bytes` are read, or all. Many bytes are read in a thread. Raises
        `SandboxFailure` if the files came, and cannot be opened.
        """
        packet, descriptors = b"", list[int]()  # `socket.recv_fds` would wait: Python 3.13 ignores its flags
        with contextlib.suppress(BlockingIOError):
            packet, descriptors = channel.receive(self._reader, socket.MSG_DONTWAIT)
        if not packet:  # there is no such folder, or process 1 has ended
            return {}, {}, 0
        if not descriptors:
            raise SandboxFailure("the files of a box were dropped: the executor has too many open files")
        words, contents = packet.split(b"\0")[:-1], os.fdopen(descriptors[0], "rb")
        if os.fstat(descriptors[0]).st_size <= SMALL:
            return _read(words, contents, kept_bytes)
        return await asyncio.to_thread(_read, words, contents, kept_bytes)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def _read(
    words: list[bytes], contents: BinaryIO, kept_bytes: int | None
) -> tuple[dict[str, WorkFile], dict[LeftOut, int], int]:
    """Read the contents of all files, one after the other, and close them. The `words` are the name, mode and size of
    each, and the numbers of those left out."""
    files, start = {}, 0
    with contents:
        for name, mode, size in zip(*(words[first : -len(_REASONS) : 3] for first in range(3)), strict=True):
            contents.seek(start)  # it shares its position with the descriptor of process 1, which is at the end
            kept = int(size) if kept_bytes is None else min(int(size), kept_bytes)
            files[os.fsdecode(name)] = WorkFile(contents.read(kept), int(mode))
            start += int(size)
    counts = map(int, words[-len(_REASONS) :])
    return files, {why: count for why, count in zip(_REASONS, counts, strict=True) if count}, start
