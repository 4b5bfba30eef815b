"""Receives files that process 1 of a box has collected (`send_contents` in init/artefacts.c)."""

import os
import socket

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.protocol import MAX_PACKET


class CollectedFiles:
    """One socket pair. The caller of `take_writer` passes that end to process 1 of the box, and closes it."""

    def __init__(self) -> None:
        self._reader, self._writer = channel.wide_pair()

    def take_writer(self) -> int:
        return self._writer.detach()

    def receive(self) -> tuple[list[bytes], bytes] | None:
        """Return the words that describe the files, and their contents one after the other, after the step has ended.
        Return None if none were sent."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._reader, MAX_PACKET, 1, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if not descriptors:  # process 1 has ended
            return None
        with open(descriptors[0], "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return packet.split(b"\0")[:-1], os.pread(file.fileno(), size, 0)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
