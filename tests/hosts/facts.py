"""The versions and the speed of a machine, shown above its table."""

from dataclasses import dataclass

from tests.hosts.guest import Guest
from tests.hosts.machine import Machine

_COMMANDS = """
uname -r
cat /etc/debian_version
systemctl --version | head -n 1 | cut -d' ' -f2
docker --version | cut -d' ' -f3 | tr -d ,
bwrap --version | cut -d' ' -f2
nproc
"""


@dataclass(frozen=True)
class Facts:
    """`how` is "KVM" or "emulated"; `slowness` is measured in pace.py."""

    date: str
    commit: str
    architecture: str
    kernel: str
    debian: str
    systemd: str
    docker: str
    bubblewrap: str
    processors: str
    how: str
    slowness: float


def collect(machine: Machine, *, date: str, commit: str, architecture: str, slowness: float) -> Facts:
    kernel, debian, systemd, docker, bubblewrap, processors = _read_lines(machine.guest)
    return Facts(
        date, commit, architecture, kernel, debian, systemd, docker, bubblewrap, processors, machine.how, slowness
    )


def _read_lines(guest: Guest) -> list[str]:
    """Return the output of each command, or "?" for those that are missing at the end."""
    lines = guest.run("root", _COMMANDS, 120).output.splitlines()
    return [*lines, *["?"] * 6][:6]
