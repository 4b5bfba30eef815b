"""The processes of one box, read from its own /proc: for hosts without cgroups, and to be fair on a loaded one.

Reading is sampling, so this finds less than a cgroup does: a process that lives and dies between two samples counts
only once its parent has waited for it. The wall limit bounds what is missed. See proc_pid_stat(5), proc_pid_smaps(5).
"""

import contextlib
import os
from collections.abc import Iterator

from executor.sandbox.keeper.meter import Usage
from executor.sandbox.keeper.protocol import StageLimits

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: What the kernel keeps in memory for an empty file of a tmpfs, roughly.
_INODE_BYTES = 1024


class ProcessTree:
    """Opened once the box stands and before any of its programs runs, so that nothing can be put in its place."""

    def __init__(self, init: int) -> None:
        self._proc = os.open(f"/proc/{init}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._box = os.open(f"/proc/{init}/root/box", os.O_RDONLY | os.O_DIRECTORY)

    def cpu(self) -> dict[tuple[int, str], tuple[float, float]]:
        """Per process (pid, start time): own CPU seconds, and those of the children it has waited for."""
        usage = {}
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError):
                # The name, in parentheses, may hold anything; what follows the last one is safe.
                fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
                own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
                usage[pid, fields[19].decode()] = (own * _TICK, waited * _TICK)
        return usage

    def memory(self, enough: int) -> int:
        """Bytes: proportional share of what is mapped, and what lies in the box. Cheaper and higher below `enough`."""
        files = os.fstatvfs(self._box)
        stored = (files.f_blocks - files.f_bfree) * files.f_frsize + (files.f_files - files.f_ffree) * _INODE_BYTES
        resident = stored
        for pid in self._pids():
            if pid != 1:
                with contextlib.suppress(OSError, IndexError):
                    resident += int(self._read(f"{pid}/statm").split()[1]) * _PAGE
        return resident if resident < enough else stored + sum(self._proportional())

    def longest_wait(self) -> float:
        """Seconds that the most delayed thread has spent runnable without a processor."""
        longest = 0
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError):
                for thread in self._threads(pid):
                    longest = max(longest, int(self._read(f"{pid}/task/{thread}/schedstat").split()[1]))
        return longest / 1e9

    def close(self) -> None:
        os.close(self._proc)
        os.close(self._box)

    def _proportional(self) -> Iterator[int]:
        for pid in self._pids():
            if pid != 1:
                with contextlib.suppress(OSError, IndexError, StopIteration):
                    lines = self._read(f"{pid}/smaps_rollup").splitlines()
                    yield int(next(line for line in lines if line.startswith(b"Pss:")).split()[1]) * 1024

    def _pids(self) -> Iterator[int]:
        return (int(name) for name in os.listdir(self._proc) if name.isdigit())

    def _threads(self, pid: int) -> list[str]:
        descriptor = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, 4096)
        finally:
            os.close(descriptor)


class SampledMeter:
    """The meter of hosts where no cgroup can be made. `exhausted` as soon as a sample is over the limit."""

    def __init__(self, tree: ProcessTree, limits: StageLimits) -> None:
        self._tree = tree
        self._limit = limits.memory_bytes
        self._peak = 0
        self._living: dict[tuple[int, str], float] = {}
        self._gone = 0.0
        self._before = sum(own + waited for own, waited in tree.cpu().values())

    def join(self) -> None:
        """Nothing to do: whoever is in the box is counted."""

    def sample(self) -> Usage:
        self._peak = max(self._peak, self._tree.memory(self._limit))
        return Usage(self._measure(), self._peak, self._peak > self._limit)

    def close(self) -> None:
        """The tree belongs to the box."""

    def _measure(self) -> float:
        # Two lower bounds: what each process was last seen to have used itself, and what the living ones and those
        # they waited for have used. The second misses children that nobody waits for, the first those between samples.
        usage = self._tree.cpu()
        living = {process: own for process, (own, _) in usage.items() if process[0] != 1}
        self._gone += sum(own for process, own in self._living.items() if process not in living)
        self._living = living
        by_parents = sum(own + waited for own, waited in usage.values()) - self._before
        return max(self._gone + sum(living.values()), by_parents, 0.0)
