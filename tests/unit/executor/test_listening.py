"""The socket that the executor listens on."""

import socket

from executor.__main__ import listen
from executor.settings import ExecutorSettings


def test_connections_send_without_waiting_for_acknowledgements() -> None:
    """Nagle's algorithm held every answer's body back for 40 ms: asyncio turns it off only where `proto` is set."""
    with listen(ExecutorSettings(executor_port=0)) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
