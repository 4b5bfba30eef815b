"""Packets of JSON with descriptors beside them, over a Unix socket that keeps packets apart (unix(7))."""

import array
import json
import os
import select
import socket
from collections.abc import Sequence
from typing import Any

from executor.sandbox.keeper.protocol import MAX_DESCRIPTORS, MAX_PACKET, to_json

_ROOM = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, packet: bytes, descriptors: Sequence[int] = ()) -> None:
    """OSError when it cannot be sent, ValueError when it is larger than anybody reads."""
    if len(packet) > MAX_PACKET:
        raise ValueError(f"a packet of {len(packet)} bytes is too large")
    if descriptors:
        socket.send_fds(channel, [packet], list(descriptors))
    else:
        channel.send(packet)


def tell(channel: socket.socket, content: object, descriptors: Sequence[int] = ()) -> None:
    send(channel, to_json(content), descriptors)


def receive(channel: socket.socket, flags: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next packet, and descriptors that are closed on exec; an empty one at the end of the channel."""
    packet, descriptors = receive_packet(channel, flags)
    return (json.loads(packet) if packet else {}), descriptors


def receive_packet(channel: socket.socket, flags: int = 0) -> tuple[bytes, list[int]]:
    try:
        packet, ancillary, _, _ = channel.recvmsg(MAX_PACKET, _ROOM, socket.MSG_CMSG_CLOEXEC | flags)
    except ConnectionResetError:  # the other side left something unread; its last words come after this
        packet, ancillary, _, _ = channel.recvmsg(MAX_PACKET, _ROOM, socket.MSG_CMSG_CLOEXEC | flags)
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return packet, list(descriptors)


def try_receive(channel: socket.socket) -> bytes | None:
    """The next packet, without what is beside it: empty at the end of the channel, None when there is none yet."""
    try:
        return receive_packet(channel, socket.MSG_DONTWAIT)[0]
    except BlockingIOError:
        return None
    except ConnectionError:
        return b""


def is_readable(descriptor: int) -> bool:
    """Whether there is something to receive, or nobody left to send it; without waiting."""
    poll = select.poll()  # select(2) knows no descriptor beyond 1023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
