"""Receives files that process 1 of a box has collected (`send_files` in init/collect.c)."""

import contextlib
import io
import os
import socket
from collections.abc import Iterator
from typing import BinaryIO, Final

from executor.sandbox.base import LeftOut, OutFolder, WorkFile
from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import MAX_PACKET

#: Why files of the out folder are left out, in the order in which process 1 sends their numbers (init/collect.c).
_REASONS: Final = (LeftOut.TOO_MANY, LeftOut.TOO_LARGE, LeftOut.NOT_A_FILE, LeftOut.UNREADABLE)


class CollectedFiles:
    """One socket pair. The caller of `take_writer` passes that end to process 1 of the box, and closes it."""

    def __init__(self) -> None:
        self._reader, self._writer = channel.wide_pair()

    def take_writer(self) -> int:
        return self._writer.detach()

    def compiled_files(self) -> dict[str, WorkFile]:
        """Return everything in the work folder, by name; {} if it was not sent."""
        words, contents = self._receive()
        with contents:
            return {name: WorkFile(contents.read(size), mode) for name, mode, size in _described(words)}

    def out_folder(self, kept_bytes: int | None) -> OutFolder:
        """Return what a program wrote to its out folder: of each file, the first `kept_bytes`, or all."""
        words, contents = self._receive()
        files, written = {}, 0
        with contents:
            for name, _, size in _described(words):
                contents.seek(written)
                files[name] = contents.read(size if kept_bytes is None else min(size, kept_bytes))
                written += size
        counts = map(int, words[-len(_REASONS) :])
        left_out = {why: count for why, count in zip(_REASONS, counts, strict=False) if count}
        return OutFolder(files, left_out, written)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _receive(self) -> tuple[list[bytes], BinaryIO]:
        """Return the words that describe the files, and an open file with their contents one after the other; no words
        if none were sent."""
        with contextlib.suppress(BlockingIOError):
            packet, descriptors, _, _ = socket.recv_fds(self._reader, MAX_PACKET, 1, socket.MSG_DONTWAIT)
            if descriptors:  # else process 1 has ended
                # It shares its position with the descriptor of process 1, which is at the end.
                contents = os.fdopen(descriptors[0], "rb")
                contents.seek(0)
                return packet.split(b"\0")[:-1], contents
        return [], io.BytesIO()


def _described(words: list[bytes]) -> Iterator[tuple[str, int, int]]:
    """Yield the name, mode and size of each file. Numbers of those left out follow them."""
    for name, mode, size in zip(*(words[start : -len(_REASONS) : 3] for start in range(3)), strict=True):
        yield os.fsdecode(name), int(mode), int(size)
