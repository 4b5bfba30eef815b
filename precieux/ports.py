"""Free ports of the loopback interface, for servers that must be told theirs, and keep it through restarts."""

import random
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from shared.errors import PrecieuxError

#: Below the range that the kernel gives to clients (ip_local_port_range, from 32768). A client that keeps trying the
#: port of a stopped server could be given that very port, connect to itself, and so keep the server from coming back.
_RANGE: Final = range(15_000, 30_000)


def free_ports(count: int, candidates: Iterable[int] | None = None) -> list[int]:
    """Return distinct ports that nobody listens on: the first of `candidates`, or any.

    Another process could take one first; a server then fails to start.
    """
    found: list[int] = []
    for port in random.sample(_RANGE, k=1000) if candidates is None else candidates:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise PrecieuxError(f"There are no {count} free ports on 127.0.0.1: stop a server that listens there.")
