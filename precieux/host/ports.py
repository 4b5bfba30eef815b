"""Finds free ports on the loopback interface, for servers that keep their port through restarts."""

import random
import socket
from contextlib import suppress
from typing import Final

from shared.common.service.errors import PrecieuxError

#: Below the range that the kernel gives to clients (ip_local_port_range, from 32768). A client that keeps trying the
#: port of a stopped server could get that port, connect to itself, and so block the server's restart.
_RANGE: Final = range(15_000, 30_000)


def free_ports(count: int) -> list[int]:
    """Return distinct free ports. If another process takes one before its server does, the server fails to start."""
    ports: list[int] = []
    for port in random.sample(_RANGE, k=1000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise PrecieuxError(f"127.0.0.1 has fewer than {count} free ports: stop a server that listens there.")
