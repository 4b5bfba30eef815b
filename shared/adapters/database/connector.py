"""Makes connections to Postgres. Of several hosts, it finds the one that takes writes, and skips dead ones soon."""

import socket
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from shared.common.service.hosts import one_address_per_host

#: Seconds within which one of several hosts must accept a connection. A host that is gone never answers.
_HOST_TIMEOUT: Final = 5.0
#: Seconds until a connection counts as lost if the host acknowledges nothing. Linux alone would wait 15 minutes.
_SILENCE: Final = 20
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": _SILENCE * 1000}
#: Errors after which another host may work: this one is down, starting, a standby, or out of reach.
_NEXT_HOST: Final = (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched)


class Connector:
    """Connects to an address of one host or several. The host that served last is tried first."""

    def __init__(self, url: str) -> None:
        self._addresses = one_address_per_host(url)
        self._options: dict[str, Any] = {}
        if len(self._addresses) > 1:
            self._options["timeout"] = _HOST_TIMEOUT
            if "target_session_attrs" not in parse_qs(urlsplit(url).query):
                self._options["target_session_attrs"] = "read-write"

    @property
    def servers(self) -> str:
        """The hosts and ports, without users and passwords."""
        return ", ".join(_server(address) for address in self._addresses)

    async def connect(self, _dsn: None = None, **options: Any) -> asyncpg.Connection:
        """Return a new connection. Raise the last host's error if no host serves.

        asyncpg's pool calls it with an address of its own, which is None.
        """
        failure: Exception | None = None
        for address in list(self._addresses):
            try:
                connection: asyncpg.Connection = await asyncpg.connect(address, **{**self._options, **options})
            except _NEXT_HOST as exc:
                failure = exc
                continue
            # Moved and not replaced, because other tasks may connect at this moment.
            self._addresses.remove(address)
            self._addresses.insert(0, address)
            _notice_silence(connection)
            return connection
        assert failure is not None
        raise failure


def _server(address: str) -> str:
    """Return the host and the port of an address. Either may stand in its query."""
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    host = parts.netloc.rpartition("@")[2] or ":".join(query.get("host", []) + query.get("port", []))
    return "a socket of this machine" if not host or host.startswith("/") else host


def _notice_silence(connection: asyncpg.Connection) -> None:
    """Let the kernel break the connection if the other host is silent for long."""
    # asyncpg has no option for it, and no public name for the socket.
    connected: socket.socket = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if connected.family == socket.AF_UNIX:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # macOS lacks some of them
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
