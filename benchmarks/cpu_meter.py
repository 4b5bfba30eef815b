"""Measures the CPU time of the executor and of all processes that it ever started.

A sum over the living processes in /proc is too low: the kernel reaps the processes of a box with its namespace, and
then their time is in no sum. So the executor is started in a new cgroup, and the kernel adds up the time of all
processes in it and below it, to the nanosecond. The executor makes the cgroups of the boxes below its own, so they
are counted too, even after they are removed.

If no cgroup can be made, the processes in /proc are added up, with the children that were waited for: a lower bound.
(With boxes that reap all their processes before they end, the two agreed within 1% for Python, C and Java. The busy
time of the whole machine is no alternative: on a loaded machine it hardly changes.)
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
from typing import Final, TypeAlias

from benchmarks.processes import own_and_waited
from executor.sandbox.wall import cgroups
from tests.fixtures.processes import descendants

_ROOT: Final = Path("/sys/fs/cgroup")
#: Where version 1 or 2 may be mounted, the controller's name in /proc/self/cgroup, and the file with the CPU time.
_PLACES: Final = (("cpuacct", "cpuacct", "cpuacct.usage"), ("", "", "cpu.stat"), ("unified", "", "cpu.stat"))
#: The executor is idle if it is busy for less than this share of an interval (in seconds).
_REST_SHARE: Final = 0.04
_LOOK: Final = 0.05


@dataclass(frozen=True, slots=True)
class CgroupMeter:
    file: Path
    home: Path
    name: str = "cgroup"

    def seconds(self) -> float:
        """Return the CPU time so far. Only differences have a meaning."""
        words = self.file.read_text().split()
        return int(words[0]) / 1e9 if len(words) == 1 else int(words[words.index("usage_usec") + 1]) / 1e6

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Measure the processes that are started inside the block: enter the group, and then leave it."""
        (self.file.parent / "cgroup.procs").write_text("0")
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text("0")


@dataclass(frozen=True, slots=True)
class TreeMeter:
    """Adds up the time of all our descendants, which are the executor's while no bare command runs."""

    name: str = "processes that were waited for"

    def seconds(self) -> float:
        return sum(own_and_waited(child.pid) for child in descendants(os.getpid()))

    def counted(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


CpuMeter: TypeAlias = CgroupMeter | TreeMeter


@contextmanager
def cpu_meter() -> Iterator[CpuMeter]:
    """Yield the best meter that this machine has."""
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
                        os.setxattr(folder, "user.delegate", b"1")  # so that the executor divides it, not one above
                    yield CgroupMeter(folder / file, home)
                    return
            finally:
                _remove(folder)
        yield TreeMeter()


@contextmanager
def _delegated_group() -> Iterator[Path | None]:
    """Yield a new cgroup of version 2 with the controllers of the executor; None if we may not make it."""
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
    """Wait until the executor is idle after a request, at most `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before, since = meter.seconds(), time.monotonic()
        await asyncio.sleep(_LOOK)
        if meter.seconds() - before < _REST_SHARE * (time.monotonic() - since):
            return


def cpu_of_children() -> float:
    """Return the time of children that have ended and were waited for. The executor is not one: it still runs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _own_groups() -> dict[str, str]:
    """Return our groups' paths by controller, version 2 under the empty name (/proc/self/cgroup, cgroups(7))."""
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    return {controller: path for _, controllers, path in lines for controller in controllers.split(",")}


def _remove(folder: Path) -> None:
    """Remove a group, with the groups that a killed executor has left in it."""
    for below, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(below)
