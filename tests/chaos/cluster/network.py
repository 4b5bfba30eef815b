"""A network of hosts on one machine: each is a network namespace with one interface on a common bridge.

It needs root. This process has an address on the network too, which hosts reach as `Network.observer`.
"""

import os
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from shared.common.service.parent_death import die_with_parent

_SLOW_LINK: Final = Path(__file__).with_name("slow_link.py")


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
        #: The slow links: their processes, and the ports of their hosts at the switch.
        self._slow: dict[str, subprocess.Popen[bytes]] = {}
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
        self.mend()
        # The processes on the hosts must have ended; a namespace lives as long as they do.
        self._stack.close()

    def host(self, name: str) -> Host:
        """Return a new host."""
        address = f"{self._subnet}.{len(self._hosts) + 10}"
        host = Host(name, self._namespace(name), address)
        self._hosts.append(host)
        self._connect(host.namespace, address, self._port(host))
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
        """Give the host a slow link with losses (`slow_link`)."""
        port = self._port(host)
        near, far = f"{port}-near", f"{port}-far"
        _run("ip", "-n", self._switch, "link", "add", near, "type", "veth", "peer", "name", far)
        _run("ip", "-n", self._switch, "link", "set", near, "up")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._switch, sys.executable, "-S", str(_SLOW_LINK), f"{port}-s", near],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        self._slow[port] = process
        assert process.stdout is not None
        process.stdout.readline()  # it carries frames now
        # In this order, since both ports on the bridge would be a loop.
        _run("ip", "-n", self._switch, "link", "set", f"{port}-s", "nomaster")
        _run("ip", "-n", self._switch, "link", "set", far, "master", "bridge", "up")

    def mend(self) -> None:
        """Undo all splits and slow links."""
        for host in self._hosts:
            _run(*host.prefix, "iptables", "-F", "INPUT")
        for port, process in self._slow.items():
            process.kill()
            process.communicate()
            _run("ip", "-n", self._switch, "link", "delete", f"{port}-near")
            _run("ip", "-n", self._switch, "link", "set", f"{port}-s", "master", "bridge")
        self._slow.clear()

    def _port(self, host: Host) -> str:
        return f"{self._name[-4:]}-{self._hosts.index(host)}"

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
        return f"iproute2, iptables and the kernel's veth and bridge are needed: {exc}"
    return None


def _filter(host: Host, *words: str) -> None:
    _run(*host.prefix, "iptables", words[0], "INPUT", *words[1:])


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
