"""The receiving end for the files that a step made; see `init/artefacts.c`."""

import os
import socket

from executor.sandbox.base import File
from executor.sandbox.keeper.protocol import MAX_ARTEFACTS, MAX_PACKET


class Artefacts:
    """One socket. The end for process 1 of the box is its taker's to close (`take_writer`)."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def take_writer(self) -> int:
        return self._writer.detach()

    def finish(self) -> dict[str, File]:
        """What was sent, once the step has ended."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._reader, MAX_PACKET, MAX_ARTEFACTS, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return {}
        try:
            words = packet.split(b"\0")[:-1]
            files = zip(words[0::3], words[1::3], words[2::3], descriptors, strict=True)
            return {
                os.fsdecode(name): File(_read(descriptor, int(size)), int(mode))
                for name, mode, size, descriptor in files
            }
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def _read(descriptor: int, size: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return file.read(size)
