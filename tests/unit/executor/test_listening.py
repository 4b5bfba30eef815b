"""The socket that the executor listens on, and its limit of open files."""

import socket

import pytest
from pydantic import SecretStr

from executor.__main__ import listen
from executor.settings import ExecutorSettings
from shared.common.service.errors import ConfigurationError


def test_connections_send_without_waiting_for_acknowledgements() -> None:
    """Nagle's algorithm delayed every answer's body by 40 ms. asyncio turns it off only if `proto` is set."""
    with listen(ExecutorSettings(executor_port=0)) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "executor", ""])
def test_a_public_address_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="set PRECIEUX_CODEX_TOKEN"):
        listen(ExecutorSettings(executor_host=host, executor_port=0))


def test_a_public_address_with_a_token_is_accepted() -> None:
    listen(ExecutorSettings(executor_host="0.0.0.0", executor_port=0, codex_token=SecretStr("t"))).close()
