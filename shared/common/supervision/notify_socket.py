"""The receiving end of `shared.common.service.notify`: the socket on which children report their state."""

import secrets
import socket
import struct
from collections.abc import Iterator
from typing import Final

_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


class NotifySocket:
    """One socket for all children. The kernel reports the sender of each message.

    Its name is abstract (unix(7)). So there is no file to clean up, no limit on the data folder's path, and children
    may run as another user.
    """

    def __init__(self) -> None:
        name = f"precieux-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(f"\0{name}")
        #: The value for the children's `NOTIFY_SOCKET`.
        self.address: Final = f"@{name}"

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def messages(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the messages since the last call, each as a process id and its lines. Do not wait."""
        while True:
            try:
                message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    yield _CREDENTIALS.unpack_from(data)[0], message.split(b"\n")
