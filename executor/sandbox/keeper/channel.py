"""Packets with descriptors attached, over a Unix socket that preserves packets (unix(7))."""

import array
import os
import select
import socket
from collections.abc import Sequence

from executor.sandbox.keeper.protocol import MAX_DESCRIPTORS, MAX_PACKET, SEND_BUFFER

#: As plain numbers, because `|` of two enumeration members takes as long as the call.
_CLOSE_ON_EXEC, _DONT_WAIT = int(socket.MSG_CMSG_CLOEXEC), int(socket.MSG_DONTWAIT)
_ANCILLARY_BYTES = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def wide_pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends that take the largest packet. The host's own buffers may be smaller (socket(7), wmem_default)."""
    ends = pair()
    for end in ends:
        # Where wmem_max is below wmem_default, setting it would make the buffer smaller.
        if end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < SEND_BUFFER:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return ends


def send(channel: socket.socket, packet: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a packet. Raises OSError if that fails, and ValueError if it is too large for the receiver."""
    if len(packet) > MAX_PACKET:
        raise ValueError(f"a packet of {len(packet)} bytes is too large")
    if descriptors:
        socket.send_fds(channel, [packet], list(descriptors))
    else:
        channel.send(packet)


def receive(channel: socket.socket, flags: int = 0) -> tuple[bytes, list[int]]:
    """Return the next packet and its descriptors, which are closed on exec; b"" at the end of the channel."""
    try:
        packet, ancillary, _, _ = channel.recvmsg(MAX_PACKET, _ANCILLARY_BYTES, _CLOSE_ON_EXEC | flags)
    except ConnectionResetError:  # the other side left a packet unread; its own last packets come after this error
        packet, ancillary, _, _ = channel.recvmsg(MAX_PACKET, _ANCILLARY_BYTES, _CLOSE_ON_EXEC | flags)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return packet, list(descriptors)


def try_receive(channel: socket.socket) -> bytes | None:
    """Return the next packet without its descriptors; b"" at the end of the channel, None before it arrives."""
    try:
        return receive(channel, _DONT_WAIT)[0]
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def is_readable(descriptor: int) -> bool:
    """Return True, without waiting, if there is something to read or the other side is closed."""
    poll = select.poll()  # select(2) accepts no descriptor above 1023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
