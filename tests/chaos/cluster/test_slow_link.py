"""A slow link delays what its host sends, and loses some of it, until it is mended."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from shared.parent_death import die_with_parent
from tests.chaos.cluster.network import Host, Network, obstacle
from tests.chaos.cluster.slow_link import DELAY
from tests.fixtures.gate import missing

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

PORT = 5000
#: So many that it is as good as certain that a slow link loses one.
DATAGRAMS = 150
ECHO = f"""
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", {PORT}))
print("ready", flush=True)
while True:
    data, sender = server.recvfrom(100)
    server.sendto(data, sender)
"""


@pytest.fixture
def network() -> Iterator[Network]:
    if (reason := obstacle()) is not None:
        missing("a network of namespaces", reason)
    with Network() as network:
        yield network


@pytest.fixture
def host(network: Network) -> Iterator[Host]:
    """Yield a host that echoes datagrams."""
    host = network.host("echo")
    command = [*host.prefix, sys.executable, "-c", ECHO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=die_with_parent(signal.SIGKILL)) as server:
        assert server.stdout is not None
        server.stdout.readline()
        yield host
        server.kill()


def echoes(host: Host) -> list[float]:
    """Return the seconds until each echo, of those that came."""
    found: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for number in range(DATAGRAMS):
            client.sendto(f"{number} {time.monotonic()}".encode(), (host.address, PORT))
        client.settimeout(3)
        with suppress(TimeoutError):
            while len(found) < DATAGRAMS:
                data = client.recv(100)
                found.append(time.monotonic() - float(data.split()[1]))
    return found


def test_a_slow_link_delays_and_loses(network: Network, host: Host) -> None:
    echoes(host)  # both sides learn each other's address
    network.slow(host)
    slow = echoes(host) or echoes(host)  # the bridge may drop a burst that comes at once
    assert min(slow) >= DELAY
    assert DATAGRAMS / 2 < len(slow) < DATAGRAMS
    network.mend()
    mended = echoes(host)
    assert len(mended) == DATAGRAMS
