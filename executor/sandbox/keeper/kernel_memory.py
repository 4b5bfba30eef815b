"""Counts memory that the kernel holds for a box and no process has mapped: the buffers of sockets, and locks.

Cgroups count it, so this is for hosts without them. /proc/net/sockstat has the number of sockets. If there are many,
sock_diag(7) lists the buffers of each. It omits sockets that their owner closed while their data wait to be read, so
each of these counts as much as a socket can hold. The limits of open files and of processes bound the kernel's other
memory.
"""

import contextlib
import ctypes
import errno
import functools
import os
import socket
import struct
from collections.abc import Iterator

from executor.sandbox.keeper import files

#: Up to this many sockets, their buffers are not read. Almost no program has more.
FEW_SOCKETS = 32
#: What counts for one socket besides its buffers, and for a lock on a file. A lock takes much less, but a box must not
#: have more locks than can be counted in time: the kernel lists 1,000 in a millisecond.
_SOCKET_BYTES, _LOCK_BYTES = 4096, 65536
#: The size of both buffers of a TCP connection: `LOWERED_LIMITS` in init/mounts.c. A program cannot enlarge them
#: (`setsockopt` in wall/syscall_argument_rules.py).
_TCP_BYTES = 512 << 10

_CLONE_NEWNET = 0x40000000
# linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ANSWER_BYTES = 1 << 16
_ALL_STATES = 0xFFFFFFFF
#: A request, the length of an answer before its attributes, and the attribute that is a list of `SK_MEMINFO_*`.
_UNIX = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, _ALL_STATES, 0, 0x20, 0, 0), 16, 5
_INET = [
    (struct.pack("=BBBxI48x", socket.AF_INET, protocol, 1 << 6, _ALL_STATES), 72, 7)
    for protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
]
_RECEIVED, _WRITTEN, _QUEUED, _OPTIONS, _BACKLOG = 0, 2, 5, 6, 7


class KernelMemory:
    """Reads the box's own /proc (`proc`), which the caller closes."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._sock_diag: socket.socket | None = None

    def held_bytes(self) -> int:
        """Return the bytes held by sockets, if there are more than a few, and by locks; 0 if process 1 has ended."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return self._socket_bytes() + self._lock_bytes()
        return 0

    def close(self) -> None:
        if self._sock_diag:
            self._sock_diag.close()

    def socket_buffer_bytes(self) -> int:
        """Return the bytes held by listed sockets. A cgroup counts them only after a connection is accepted."""
        with contextlib.suppress(OSError):  # this kernel has no sock_diag, or process 1 has ended
            return sum(self._buffers()) if self._count_sockets() > FEW_SOCKETS else 0
        return 0

    def _socket_bytes(self) -> int:
        count = self._count_sockets()
        if count <= FEW_SOCKETS:
            return 0
        try:
            listed = list(self._buffers())
        except OSError:  # this kernel has no sock_diag
            listed = []
        return sum(listed) + count * _SOCKET_BYTES + max(count - len(listed), 0) * _max_socket_bytes()

    def _count_sockets(self) -> int:
        return int(files.read(self._proc, "1/net/sockstat").split(maxsplit=3)[2])

    def _buffers(self) -> Iterator[int]:
        if self._sock_diag is None:
            self._sock_diag = _open_sock_diag(self._proc)
        for request, head, attribute in (_UNIX, *_INET):
            for answer in _dump(self._sock_diag, request):
                meminfo = _find(answer, head, attribute)
                if meminfo:
                    yield (
                        meminfo[_RECEIVED]
                        + max(meminfo[_WRITTEN], meminfo[_QUEUED])
                        + meminfo[_OPTIONS]
                        + meminfo[_BACKLOG]
                    )

    def _lock_bytes(self) -> int:
        """Return the bytes of the locks that processes of the box hold. The list may take several reads."""
        lines = 0
        with files.opened(self._proc, "locks") as locks:
            while text := os.read(locks, _ANSWER_BYTES):
                lines += sum(b" OFDLCK " not in line for line in text.splitlines())  # those of all boxes are listed
        return lines * _LOCK_BYTES


@functools.cache
def _max_socket_bytes() -> int:
    """Return the most bytes that one socket can hold: a message may begin while there is room for one byte."""
    with socket.socket(socket.AF_UNIX) as plain:
        sizes = (plain.getsockopt(socket.SOL_SOCKET, option) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF))
        return max(_TCP_BYTES, 2 * max(sizes))


def _open_sock_diag(proc: int) -> socket.socket:
    """Return a socket in the network namespace of the box, which lists the sockets there. The keeper has one thread,
    which returns to its own namespace before it does anything else."""
    libc = ctypes.CDLL(None, use_errno=True)
    with files.opened(proc, "/proc/self/ns/net") as ours, files.opened(proc, "1/ns/net") as theirs:
        if libc.setns(theirs, _CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        finally:
            if libc.setns(ours, _CLONE_NEWNET) < 0:
                os.abort()


def _dump(sock_diag: socket.socket, request: bytes) -> Iterator[memoryview]:
    """Yield the answers to one request. Raises OSError if the kernel refuses it."""
    sock_diag.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
    while True:
        packet = memoryview(sock_diag.recv(_ANSWER_BYTES))
        while packet:
            length, kind = _HEADER.unpack_from(packet)[:2]
            body = packet[_HEADER.size : length]
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(-struct.unpack_from("=i", body)[0], "sock_diag")
            if length < _HEADER.size:
                raise OSError(errno.EBADMSG, "sock_diag")
            yield body
            packet = packet[(length + 3) & ~3 :]


def _find(answer: memoryview, head: int, attribute: int) -> tuple[int, ...]:
    """Return the numbers of one attribute; () if it is missing."""
    at = head
    while at + _ATTRIBUTE.size <= len(answer):
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        if kind == attribute:
            return struct.unpack_from(f"={(length - _ATTRIBUTE.size) // 4}I", answer, at + _ATTRIBUTE.size)
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    return ()
