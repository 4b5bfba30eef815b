"""The processes of one box, read from its own /proc: for hosts without cgroups, and to be fair on a loaded one.

Reading is sampling, so this finds less than a cgroup does: a process that lives and dies between two samples counts
only once its parent has waited for it. The wall limit bounds what is missed. See proc_pid_stat(5), proc_pid_smaps(5).
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox.keeper.kernel_memory import KernelMemory
from executor.sandbox.keeper.listed import Listed
from executor.sandbox.keeper.meter import Usage
from executor.sandbox.keeper.protocol import StepLimits

#: What is an estimate counts half, so that chance makes no verdict.
_SURE = 0.5
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: What the kernel keeps in memory for an empty file of a tmpfs, roughly.
_INODE_BYTES = 1024
#: Bytes of address space below which a process's page tables are not asked for: they have 512 KiB at most.
_MUCH_MAPPED = 256 << 20
#: Processes that share memory may have mapped so many bytes more than they have. How much they share the kernel finds
#: out page by page, 15 ms for each GiB, and a program must not come far in that time. Those beyond count in full.
_MOST_SHARED = 2 << 30
#: What takes long to list is listed once for so many seconds of CPU time: it takes them to make much of it.
_LIST_EVERY_S = 0.1


@dataclass(frozen=True)
class _Process:
    """CPU seconds of its own and of the children it has waited for; resident bytes, and those of its page tables; which
    share of a processor it has at this moment."""

    own: float
    waited: float
    resident: int = 0
    tables: int = 0
    running: float = 0.0


class ProcessTree:
    """Opened once the box stands and before any of its programs runs, so that nothing can be put in its place."""

    def __init__(self, init: int) -> None:
        self._proc = os.open(f"/proc/{init}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._box = os.open(f"/proc/{init}/root/box", os.O_RDONLY | os.O_DIRECTORY)
        self._kernel = KernelMemory(self._proc)
        self._listed = Listed(self._proc)

    def sample(self) -> dict[tuple[int, str], _Process]:
        """The living processes by pid and start time, the box's process 1 left out of all but `waited`."""
        found = {}
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError):
                # The name, in parentheses, may hold anything; what follows the last one is safe.
                fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
                waited = (int(fields[13]) + int(fields[14])) * _TICK
                if pid == 1:
                    found[pid, fields[19].decode()] = _Process(0.0, waited)
                    continue
                # `stat` counts all threads, in ticks, rounded down; `schedstat` the first, to the nanosecond. Hundreds
                # of processes with less than a tick each would cost nothing by the first alone.
                exact, delayed = (int(word) / 1e9 for word in self._read(f"{pid}/schedstat").split()[:2])
                own = max((int(fields[11]) + int(fields[12])) * _TICK, exact)
                # A table's bytes map 512 times as many, so only one that has much mapped can have large ones.
                tables = self._tables(pid) if int(fields[20]) > _MUCH_MAPPED else 0
                running = exact / (exact + delayed) if fields[0] == b"R" and exact > 0 else 0.0
                found[pid, fields[19].decode()] = _Process(own, waited, int(fields[21]) * _PAGE, tables, running)
        return found

    def kernel(self) -> int:
        """Bytes that the kernel holds for the box and no process has mapped."""
        return self._kernel.bytes()

    def in_buffers(self) -> int:
        """Bytes in the buffers of the box's sockets."""
        return self._kernel.in_buffers()

    def stored(self) -> int:
        """Bytes of the files in the box, and of what the kernel keeps for each."""
        files = os.fstatvfs(self._box)
        return (files.f_blocks - files.f_bfree) * files.f_frsize + (files.f_files - files.f_ffree) * _INODE_BYTES

    def proportional(self) -> int:
        """Bytes mapped by all processes, what is shared counted once; slower than adding up resident sizes."""
        total = 0
        for pid in self._pids():
            if pid != 1:
                with contextlib.suppress(OSError, IndexError, StopIteration):
                    lines = self._read(f"{pid}/smaps_rollup").splitlines()
                    total += int(next(line for line in lines if line.startswith(b"Pss:")).split()[1]) * 1024
        return total

    def listed(self, most: int) -> int:
        """Bytes for what takes long to list, until they are more than `most`."""
        return self._listed.held(most)

    def longest_wait(self) -> float:
        """Seconds that the most delayed thread has spent runnable without a processor."""
        longest = 0
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError):
                for thread in self._threads(pid):
                    longest = max(longest, int(self._read(f"{pid}/task/{thread}/schedstat").split()[1]))
        return longest / 1e9

    def close(self) -> None:
        self._kernel.close()
        os.close(self._proc)
        os.close(self._box)

    def _tables(self, pid: int) -> int:
        return int(self._read(f"{pid}/status").partition(b"VmPTE:")[2].split(maxsplit=1)[0]) * 1024

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

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._limit = 0
        self._peak = 0
        self._living: dict[tuple[int, str], float] = {}
        self._gone = 0.0
        self._before = 0.0
        self._own_before = 0.0
        self._kills_before = 0
        self._list_at_s = _LIST_EVERY_S
        self._listed = 0
        self._sampled_at = 0.0
        self._young: dict[tuple[int, str], float] = {}
        self._between = 0.0

    def joins(self) -> list[int]:
        """None: whoever is in the box is counted."""
        return []

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        self._limit = limits.memory_bytes
        self._sampled_at = time.monotonic()
        self._kills_before = _kills_for_memory()
        processes = self._tree.sample()
        if not waited:  # what process 1 has waited for was another step's
            processes = {key: process for key, process in processes.items() if key[0] == 1}
        self._before = sum(process.own + process.waited for process in processes.values())
        self._living = {key: process.own for key, process in processes.items()}
        self._own_before = sum(self._living.values())
        self._gone = -self._own_before

    def sample(self) -> Usage:
        processes = self._tree.sample()
        cpu_s = self._cpu(processes)
        if cpu_s > self._list_at_s:
            self._list_at_s = cpu_s + _LIST_EVERY_S
            self._listed = self._tree.listed(self._limit)
        unmapped = self._tree.stored() + self._tree.kernel() + self._listed
        unmapped += sum(process.tables for process in processes.values())
        used = unmapped + sum(process.resident for process in processes.values())
        if used > self._limit + _MOST_SHARED:
            used -= _MOST_SHARED
        elif used > self._limit:
            used = unmapped + self._tree.proportional()
        self._peak = max(self._peak, used)
        return Usage(cpu_s, self._peak, self._peak > self._limit)

    def conclude(self, told: Usage, seen: Usage | None) -> Usage:
        usage = seen or self.sample()
        used_s = max(usage.cpu_s, told.cpu_s - self._own_before)
        return Usage(used_s, max(usage.memory_bytes, told.memory_bytes), usage.exhausted)

    def is_starved(self) -> bool:
        return _kills_for_memory() > self._kills_before

    def close(self) -> None:
        """The tree belongs to the box."""

    def _cpu(self, processes: dict[tuple[int, str], _Process]) -> float:
        # Two lower bounds: what each process was last seen to have used itself, and what the living ones and those
        # they waited for have used. The second misses children that nobody waits for, the first those between samples.
        self._estimate(processes)
        self._gone += sum(own for key, own in self._living.items() if key not in processes)
        self._living = {key: process.own for key, process in processes.items()}
        by_parents = sum(process.own + process.waited for process in processes.values()) - self._before
        seen = self._gone + sum(self._living.values())
        return max(seen, by_parents, seen + self._between * _SURE, 0.0)

    def _estimate(self, processes: Mapping[tuple[int, str], _Process]) -> None:
        """Add what those have used, beyond what was seen of it, that lived but for a moment: for each moment at which
        one of them is seen, the time since the moment before."""
        self._between += sum(
            max(used - self._living.get(key, 0.0), 0.0) for key, used in self._young.items() if key not in processes
        )
        now = time.monotonic()
        self._young = {
            key: process.running * (now - self._sampled_at)
            for key, process in processes.items()
            if key not in self._living
        }
        self._sampled_at = now


def _kills_for_memory() -> int:
    """Processes of this machine, or container, that the kernel has killed because memory ran out."""
    for line in Path("/proc/vmstat").read_bytes().splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0
