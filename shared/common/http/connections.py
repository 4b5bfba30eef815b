"""Bounds on the connections of an HTTP server: how many there are, and which gives way to another.

`shared.common.http.bounded_protocol` bounds how long each may take, and `shared.common.http.bodies` bounds bodies.
"""

import asyncio
import ipaddress
import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol

#: Seconds that a client has to send and to read before its connection is closed in favour of one that can wait.
_PATIENCE_S: Final = 2.0
#: The owner of an IPv6 address usually owns its whole network of this size.
_IPV6_NETWORK_BITS: Final = 64


@dataclass(frozen=True)
class ConnectionLimits:
    """The bounds of one server's connections.

    `head_s` is the time from the connection, or from the first byte of a later request, to the end of the request's
    head. `answer_s` is the time in which the client must read what the server has written. `head_bytes` bounds the
    path and the header fields of a request together. When there are too many connections, `max_waiting` more are not
    refused, but wait until others end.
    """

    head_s: float = 10.0
    answer_s: float = 30.0
    head_bytes: int = 65536
    max_total: int = 512
    max_per_address: int = 128
    max_waiting: int = 0


class CountedConnection(Protocol):
    """A connection of `Connections`. It begins when it is admitted."""

    transport: asyncio.Transport

    def begin(self) -> None: ...


class Connections:
    """The open connections of one server.

    If there are too many, the one that has waited longest for a request is closed in favour of the new one. If none
    waits for a request, it is the one that has waited longest for its client to send the body or to read the answer. So
    a client that does its part at once is served even if many others do not.

    Without such a one, the new connection is refused, or it is one of `max_waiting` that are admitted later. Then none
    is closed before its client has had `_PATIENCE_S`: the new one can wait.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._addresses: dict[CountedConnection, str] = {}
        self._per_address: Counter[str] = Counter()
        # The oldest first, in all of them, with the time since when they are idle or stalled.
        self._idle: dict[CountedConnection, float] = {}
        self._stalled: dict[CountedConnection, float] = {}
        self._waiting: dict[CountedConnection, str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, connection: CountedConnection, address: str) -> bool:
        """Count the connection, and return True; False when there are too many and none waits for its client."""
        if self._per_address[address] >= self.limits.max_per_address and not self._close_stalled(address):
            return False
        if len(self._addresses) >= self.limits.max_total and not self._close_stalled():
            return False
        self._addresses[connection] = address
        self._per_address[address] += 1
        return True

    def wait(self, connection: CountedConnection, address: str) -> bool:
        """Let a connection wait until it is admitted, and return True; False when too many wait already."""
        if len(self._waiting) >= self.limits.max_waiting:
            return False
        self._waiting[connection] = address
        self._admit_later()
        return True

    def is_waiting(self, connection: CountedConnection) -> bool:
        """Return True if the connection is not admitted yet."""
        return connection in self._waiting

    def is_in_the_way(self, connection: CountedConnection) -> bool:
        """Return True if others wait whose turn may come when this connection ends."""
        address = self._addresses.get(connection)
        return bool(self._waiting) and (
            len(self._addresses) >= self.limits.max_total or address in self._waiting.values()
        )

    def remove(self, connection: CountedConnection) -> None:
        self._forget(connection)
        if self._waiting:
            self._admit_waiting()

    def set_idle(self, connection: CountedConnection) -> None:
        """Note that the connection waits for a request."""
        self._stalled.pop(connection, None)
        if connection in self._addresses:
            self._idle.setdefault(connection, asyncio.get_running_loop().time())

    def set_stalled(self, connection: CountedConnection) -> None:
        """Note that the connection waits for its client in the middle of a request."""
        self._idle.pop(connection, None)
        if connection in self._addresses:
            self._stalled.setdefault(connection, asyncio.get_running_loop().time())

    def set_busy(self, connection: CountedConnection) -> None:
        self._idle.pop(connection, None)
        self._stalled.pop(connection, None)

    def _forget(self, connection: CountedConnection) -> None:
        self.set_busy(connection)
        self._waiting.pop(connection, None)
        if (address := self._addresses.pop(connection, None)) is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def _admit_waiting(self) -> None:
        for connection, address in list(self._waiting.items()):
            if self.admit(connection, address):
                del self._waiting[connection]
                connection.begin()
        self._admit_later()

    def _admit_later(self) -> None:
        """Look again when connections that wait for their clients may be closed, if others wait for their end."""
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_PATIENCE_S, self._admit_waiting) if self._waiting else None

    def _close_stalled(self, address: str | None = None) -> bool:
        before = asyncio.get_running_loop().time() - (_PATIENCE_S if self.limits.max_waiting else 0.0)
        for connection, since in itertools.chain(self._idle.items(), self._stalled.items()):
            if since <= before and (address is None or self._addresses[connection] == address):
                self._forget(connection)
                connection.transport.abort()
                return True
        return False


def network(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    ipv4 = parsed if isinstance(parsed, ipaddress.IPv4Address) else parsed.ipv4_mapped
    return str(ipv4 or ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
