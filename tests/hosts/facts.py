"""What a machine is: told above its table."""

from dataclasses import dataclass

from tests.hosts.guest import Guest
from tests.hosts.machine import Machine

_ASK = """
uname -r
cat /etc/debian_version
systemctl --version | head -n 1 | cut -d' ' -f2
docker --version | cut -d' ' -f3 | tr -d ,
bwrap --version | cut -d' ' -f2
nproc
"""


@dataclass(frozen=True)
class Facts:
    """`slowness`: see pace.py."""

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


def ask(machine: Machine, *, date: str, commit: str, architecture: str, slowness: float) -> Facts:
    kernel, debian, systemd, docker, bubblewrap, processors = _answers(machine.guest)
    return Facts(
        date, commit, architecture, kernel, debian, systemd, docker, bubblewrap, processors, machine.how, slowness
    )


def _answers(guest: Guest) -> list[str]:
    lines = guest.run("root", _ASK, 120).output.splitlines()
    return [*lines, *["?"] * 6][:6]
