"""The receiving end of `shared.notify`: children say how they are on a socket that we hand them by name."""

import secrets
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


class NotifySocket:
    """One socket for all children; the kernel says which of them sent a message.

    Its name is abstract (unix(7)): no file to clean up, no limit on the data folder's path, nothing to grant to
    children that run as another user.
    """

    def __init__(self) -> None:
        name = f"precieux-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(f"\0{name}")
        #: The value for the children's `NOTIFY_SOCKET`.
        self.address: Final = f"@{name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def ready_pids(self) -> set[int]:
        """Return the processes that said since the last call that they are ready. Does not wait."""
        return {pid for pid, lines in self.messages() if b"READY=1" in lines}

    def messages(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield what was said since the last call: the process, and its lines. Does not wait."""
        while True:
            try:
                message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    yield _CREDENTIALS.unpack_from(data)[0], message.split(b"\n")
