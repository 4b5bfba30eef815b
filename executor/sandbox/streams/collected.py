"""Receives files that process 1 of a box has collected (`send_contents` in init/compiled_files.c)."""

import os
import socket
from typing import Final

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
        files, start = {}, 0
        for name, mode, size in zip(words[0::3], words[1::3], words[2::3], strict=True):
            files[os.fsdecode(name)] = WorkFile(contents[start : start + int(size)], int(mode))
            start += int(size)
        return files

    def out_folder(self) -> OutFolder:
        """Return what a program wrote to its out folder, after the last step has ended."""
        words, contents = self._receive()
        files, start = {}, 0
        described, counts = words[: -len(_REASONS)], words[-len(_REASONS) :]
        for name, size in zip(described[0::2], described[1::2], strict=True):
            files[os.fsdecode(name)] = contents[start : start + int(size)]
            start += int(size)
        return OutFolder(files, {why: int(count) for why, count in zip(_REASONS, counts, strict=False) if int(count)})

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _receive(self) -> tuple[list[bytes], bytes]:
        """Return the words that describe the files, and their contents one after the other; neither if none were
        sent."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._reader, MAX_PACKET, 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return [], b""
        if not descriptors:  # process 1 has ended
            return [], b""
        with open(descriptors[0], "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return packet.split(b"\0")[:-1], os.pread(file.fileno(), size, 0)
