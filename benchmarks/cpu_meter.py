"""The CPU time of the executor and of everything that it ever started.

Adding up /proc over the living tree will not do: what a box leaves behind is reaped by the kernel with its namespace
and enters nobody's sum, and pools that are refilled in the background have no request to be charged to. So the
executor is started in a cgroup of its own and the kernel adds up, to the nanosecond, whatever ran in it or below it.
The executor makes the boxes' cgroups below the one that it finds itself in, so those are counted too, also when they
are gone again.

Where no cgroup can be made, the tree is added up after all, with the children that it has waited for: a lower bound.
(With boxes that reap whatever ran in them before they end, the two agreed within 1% for Python, C and Java. The busy
time of the whole machine is no third way: on a machine that others load it hardly changes, whatever the executor does.)
"""

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from executor.sandbox.wall import cgroups
from tests.fixtures.processes import descendants

_ROOT: Final = Path("/sys/fs/cgroup")
#: Where version 1 or 2 may be mounted, the controller's name in /proc/self/cgroup, and the file that tells.
_PLACES: Final = (("cpuacct", "cpuacct", "cpuacct.usage"), ("", "", "cpu.stat"), ("unified", "", "cpu.stat"))
_TICKS: Final = os.sysconf("SC_CLK_TCK")
#: Busy for less than this share of a look (in seconds), the executor is at rest.
_REST_SHARE: Final = 0.04
_LOOK: Final = 0.05


class CpuMeter(Protocol):
    @property
    def name(self) -> str: ...

    def seconds(self) -> float:
        """CPU time so far; only differences mean something."""

    def counted(self) -> contextlib.AbstractContextManager[None]:
        """What is started inside is measured."""


@contextmanager
def cpu_meter() -> Iterator[CpuMeter]:
    """The best that this machine has."""
    with _delegated_group() as delegated:
        own = _own_groups()
        for mount, controller, file in _PLACES:
            home = _ROOT / mount / own.get(controller, "-").lstrip("/")
            folder = (delegated or home) / f"precieux-benchmark-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                if (folder / file).exists():
                    if delegated:
                        os.setxattr(folder, "user.delegate", b"1")  # so that the executor divides it, and none above
                    yield CgroupMeter(folder / file, home)
                    return
            finally:
                _remove(folder)
        yield TreeMeter()


@contextmanager
def _delegated_group() -> Iterator[Path | None]:
    """A group of version 2 whose children have the controllers that the executor needs, where we may make one."""
    try:
        claimed = cgroups.claim()
    except cgroups.NotTaken:
        yield None
        return
    try:
        yield claimed.folders.get("unified")
    finally:
        claimed.remove()


async def rest(meter: CpuMeter, patience: float) -> None:
    """Until the executor has done what it does after a request, or for `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before, since = meter.seconds(), time.monotonic()
        await asyncio.sleep(_LOOK)
        if meter.seconds() - before < _REST_SHARE * (time.monotonic() - since):
            return


@dataclass(frozen=True, slots=True)
class CgroupMeter:
    file: Path
    home: Path
    name: str = "cgroup"

    def seconds(self) -> float:
        words = self.file.read_text().split()
        return int(words[0]) / 1e9 if len(words) == 1 else int(words[words.index("usage_usec") + 1]) / 1e6

    @contextmanager
    def counted(self) -> Iterator[None]:
        """We go in, so that children are born there, and come back: nothing of theirs runs outside, not even exec."""
        (self.file.parent / "cgroup.procs").write_text("0")
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text("0")


@dataclass(frozen=True, slots=True)
class TreeMeter:
    """Of what lives below us, which is the executor while no bare command runs."""

    name: str = "processes that were waited for"

    def seconds(self) -> float:
        return sum(_own_and_waited(child.pid) for child in descendants(os.getpid()))

    def counted(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def _own_and_waited(pid: int) -> float:
    try:
        # The name in parentheses may hold anything, so the fields are counted from its end (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def cpu_of_children() -> float:
    """Of those that have ended and were waited for: not of the executor, which outlives every measure."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _own_groups() -> dict[str, str]:
    """Controller -> path, version 2 under the empty name: /proc/self/cgroup, cgroups(7)."""
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    return {controller: path for _, controllers, path in lines for controller in controllers.split(",")}


def _remove(folder: Path) -> None:
    """With what an executor left in it that was killed outright."""
    for below, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(below)
