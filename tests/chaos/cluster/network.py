"""A network of hosts on one machine: each is a network namespace with one interface on a common bridge.

It needs root. This process has an address on the network too, which hosts reach as `Network.observer`.
"""

import os
import secrets
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Self

#: The share of packets that a bad link loses, and its speed.
_LOSS: Final = 0.05
_RATE: Final = "1mbit"


@dataclass(frozen=True, slots=True)
class Host:
    """`prefix` are the words before a command that run it on the host."""

    name: str
    namespace: str
    address: str

    @property
    def prefix(self) -> list[str]:
        return ["ip", "netns", "exec", self.namespace]


class Network:
    """Makes hosts within `with`, on a subnet of its own."""

    def __init__(self) -> None:
        self._name = f"precieux-{secrets.token_hex(2)}"
        self._stack = ExitStack()
        self._hosts: list[Host] = []
        # Another test of this machine may have a network too.
        self._subnet = f"10.231.{secrets.randbelow(256)}"
        self.observer = f"{self._subnet}.1"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._stack = stack
            self._switch = self._namespace("switch")
            _run("ip", "-n", self._switch, "link", "add", "bridge", "type", "bridge")
            _run("ip", "-n", self._switch, "link", "set", "bridge", "up")
            self._connect(None, self.observer, f"{self._name[-4:]}-out")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # The processes on the hosts must have ended; a namespace lives as long as they do.
        self._stack.close()

    def host(self, name: str) -> Host:
        """Return a new host."""
        address = f"{self._subnet}.{len(self._hosts) + 10}"
        host = Host(name, self._namespace(name), address)
        self._connect(host.namespace, address, f"{self._name[-4:]}-{len(self._hosts)}")
        self._hosts.append(host)
        return host

    def split(self, host: Host, *others: Host) -> None:
        """Drop all packets between the host and the others. Connections stay open, and neither side gets an error."""
        for other in others:
            _filter(host, "-A", "-s", other.address, "-j", "DROP")
            _filter(other, "-A", "-s", host.address, "-j", "DROP")

    def silence(self, host: Host) -> None:
        """Drop all packets to the host, also those of this process, as if the host had lost its power."""
        _filter(host, "-A", "-i", "net", "-j", "DROP")

    def slow(self, host: Host) -> None:
        """Give the host a bad link: narrow, and with losses."""
        # netem is not used, because kernels for virtual machines often lack it.
        _filter(host, "-A", "-m", "statistic", "--mode", "random", "--probability", str(_LOSS), "-j", "DROP")
        shape = ("root", "tbf", "rate", _RATE, "burst", "16k", "latency", "400ms")
        _run("tc", "-n", host.namespace, "qdisc", "replace", "dev", "net", *shape)

    def mend(self) -> None:
        """Undo all splits and bad links."""
        for host in self._hosts:
            _run(*host.prefix, "iptables", "-F", "INPUT")
            subprocess.run(
                ["tc", "-n", host.namespace, "qdisc", "del", "dev", "net", "root"],
                stderr=subprocess.DEVNULL,
                check=False,
            )

    def _namespace(self, name: str) -> str:
        namespace = f"{self._name}-{name}"
        _run("ip", "netns", "add", namespace)
        self._stack.callback(_run, "ip", "netns", "delete", namespace)
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        return namespace

    def _connect(self, namespace: str | None, address: str, port: str) -> None:
        """Put a cable between the switch and a host, or this process's own network."""
        device = "net" if namespace else port
        here = ["netns", namespace] if namespace else []
        there = ["netns", self._switch]
        peer = f"{port}-s"
        _run("ip", "link", "add", port, "type", "veth", "peer", "name", peer)
        _run("ip", "link", "set", peer, *there)
        if namespace:
            _run("ip", "link", "set", port, *here, "name", device)
        inside = ["-n", namespace] if namespace else []
        _run("ip", "-n", self._switch, "link", "set", peer, "master", "bridge", "up")
        _run("ip", *inside, "address", "add", f"{address}/24", "dev", device)
        _run("ip", *inside, "link", "set", device, "up")


def obstacle() -> str | None:
    """Return why no network can be made here, or None."""
    if os.geteuid() != 0:
        return "run as root"
    try:
        with Network() as network:
            host = network.host("probe")
            network.slow(host)
            network.mend()
    except (OSError, subprocess.CalledProcessError) as exc:
        return f"iproute2, iptables and the kernel's veth, bridge and tbf are needed: {exc}"
    return None


def _filter(host: Host, *words: str) -> None:
    _run(*host.prefix, "iptables", words[0], "INPUT", *words[1:])


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
