"""Receives the files that a step made (init/artefacts.c)."""

import os
import socket

from executor.sandbox.base import File
from executor.sandbox.keeper.protocol import MAX_PACKET


class Artefacts:
    """One socket pair. The caller of `take_writer` passes that end to process 1 of the box, and closes it."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def take_writer(self) -> int:
        return self._writer.detach()

    def finish(self) -> dict[str, File]:
        """Return the files by name, after the step has ended; {} if none were sent."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._reader, MAX_PACKET, 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return {}
        if not descriptors:  # process 1 has ended
            return {}
        words = packet.split(b"\0")[:-1]
        with open(descriptors[0], "rb") as file:
            file.seek(0)
            return {
                os.fsdecode(name): File(file.read(int(size)), int(mode))
                for name, mode, size in zip(words[0::3], words[1::3], words[2::3], strict=True)
            }

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
