"""Receives files that process 1 of a box has collected (`send_contents` in init/compiled_files.c)."""

import contextlib
import io
import os
import socket
from typing import BinaryIO, Final

from executor.sandbox.base import LeftOut, OutFolder, WorkFile
from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import MAX_PACKET

#: Why files of the out folder are left out, in the order in which process 1 sends their numbers (init/out_folder.c).
_REASONS: Final = (LeftOut.TOO_MANY, LeftOut.TOO_LARGE, LeftOut.NOT_A_FILE, LeftOut.UNREADABLE)


class CollectedFiles:
    """One socket pair. The caller of `take_writer` passes that end to process 1 of the box, and closes it."""

    def __init__(self) -> None:
        self._reader, self._writer = channel.wide_pair()

    def take_writer(self) -> int:
        return self._writer.detach()

    def compiled_files(self) -> dict[str, WorkFile]:
        """Return the files that a compiler made, by name, after its step has ended; {} if none were sent."""
        words, contents = self._receive()
        with contents:
            described = zip(words[0::3], words[1::3], words[2::3], strict=True)
            return {os.fsdecode(name): WorkFile(contents.read(int(size)), int(mode)) for name, mode, size in described}

    def out_folder(self, kept_bytes: int | None) -> OutFolder:
        """Return what a program wrote to its out folder, after the last step has ended: of each file, the first
        `kept_bytes`, or all."""
        words, contents = self._receive()
        described, counts = words[: -len(_REASONS)], words[-len(_REASONS) :]
        files, written = {}, 0
        with contents:
            for name, size in zip(described[0::2], map(int, described[1::2]), strict=True):
                contents.seek(written)
                files[os.fsdecode(name)] = contents.read(size if kept_bytes is None else min(size, kept_bytes))
                written += size
        left_out = {why: int(count) for why, count in zip(_REASONS, counts, strict=False) if int(count)}
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
