"""The meter of hosts where no cgroup can be made: it adds up the processes of a box.

It finds less than a cgroup does, because a process that starts and ends between two samples counts only once its parent
has waited for it. The wall limit bounds what is missed.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from executor.sandbox.keeper.meter import ResourceUsage
from executor.sandbox.keeper.process_tree import Process, ProcessTree
from executor.sandbox.keeper.protocol import StepLimits
from executor.sandbox.keeper.slow_read import SlowRead
from executor.sandbox.keeper.step_clock import PROCESSORS

#: Only half of an estimate counts, so that chance decides no verdict.
_ESTIMATE_WEIGHT = 0.5
#: Processes that share memory may have mapped this many bytes more than they use. The kernel finds out page by page how
#: much they share, which takes 15 ms for each GiB, and a program must not get far in that time. Bytes beyond count in
#: full.
_MAX_SHARED_BYTES = 2 << 30
#: Seconds of the box's CPU time between two reads of long lists. A program needs CPU time to make them longer.
_LIST_EVERY_S = 0.1


class SampledMeter:
    """Reports a step as `exhausted` as soon as a sample is over its memory limit."""

    def __init__(self, tree: ProcessTree) -> None:
        self._tree = tree
        self._limit = 0
        self._peak = 0
        #: CPU seconds of living processes, and of those that have ended, less what was used before the step.
        self._living: dict[tuple[int, str], float] = {}
        self._ended_s = 0.0
        self._total_before = 0.0
        self._own_before = 0.0
        self._kills_before = 0
        self._list_at_s = _LIST_EVERY_S
        self._listed_bytes = 0
        self._listing = SlowRead(lambda: tree.listed.held_bytes(self._limit))
        self._sharing = SlowRead(tree.proportional_bytes)
        self._sampled_at = 0.0
        #: Estimated CPU seconds of processes that only the last sample contains, and of all such that have ended.
        self._new: dict[tuple[int, str], float] = {}
        self._estimate_s = 0.0

    def joins(self) -> list[int]:
        """Return nothing, because all processes of the box are counted."""
        return []

    def begin(self, limits: StepLimits) -> None:
        self._limit = limits.memory_bytes
        self._sampled_at = time.monotonic()
        self._kills_before = _kills_for_memory()
        processes = self._tree.sample()
        self._total_before = sum(process.own + process.waited for process in processes.values())
        self._living = {key: process.own for key, process in processes.items()}
        self._own_before = sum(self._living.values())
        self._ended_s = -self._own_before

    def give_way(self) -> bool:
        return False

    def sample(self) -> ResourceUsage:
        processes = self._tree.sample()
        cpu_s = self._cpu_s(processes)
        if cpu_s > self._list_at_s and (listed := self._listing.result()) is not None:
            self._list_at_s = cpu_s + _LIST_EVERY_S
            self._listed_bytes = listed
        unmapped = self._tree.file_bytes() + self._tree.kernel.held_bytes() + self._listed_bytes
        unmapped += sum(process.page_tables for process in processes.values())
        used = unmapped + sum(process.resident for process in processes.values())
        if used > self._limit + _MAX_SHARED_BYTES:
            used -= _MAX_SHARED_BYTES
        elif used > self._limit:
            shared_once = self._sharing.result()
            used = 0 if shared_once is None else unmapped + shared_once  # not known yet
        self._peak = max(self._peak, used)
        return ResourceUsage(cpu_s, self._peak, self._peak > self._limit)

    def conclude(self, reported: ResourceUsage) -> ResourceUsage:
        usage = self.sample()
        cpu_s = max(usage.cpu_s, reported.cpu_s - self._own_before)
        return ResourceUsage(cpu_s, max(usage.memory_bytes, reported.memory_bytes), usage.exhausted)

    def is_starved(self) -> bool:
        return _kills_for_memory() > self._kills_before

    def close(self) -> None:
        """Do nothing. The box closes the tree."""

    def _cpu_s(self, processes: Mapping[tuple[int, str], Process]) -> float:
        # Two lower bounds: the last known use of each process, and the use of the living processes and the children
        # they have waited for. The first misses processes that live between two samples. The second misses children
        # that have ended and that their parent does not wait for.
        self._estimate(processes)
        self._ended_s += sum(own for key, own in self._living.items() if key not in processes)
        self._living = {key: process.own for key, process in processes.items()}
        by_parents = sum(process.own + process.waited for process in processes.values()) - self._total_before
        sampled = self._ended_s + sum(self._living.values())
        return max(sampled, by_parents, sampled + self._estimate_s * _ESTIMATE_WEIGHT, 0.0)

    def _estimate(self, processes: Mapping[tuple[int, str], Process]) -> None:
        """Add an estimate for processes that only one sample contains: their share of a processor, for the time since
        the sample before, less the CPU time that was read."""
        self._estimate_s += sum(
            max(used - self._living.get(key, 0.0), 0.0) for key, used in self._new.items() if key not in processes
        )
        now = time.monotonic()
        shares = {key: process.running for key, process in processes.items() if key not in self._living}
        # A share holds for the process's life so far. If the sample is late, all together may be more than there is.
        scale = min(1.0, PROCESSORS / max(sum(shares.values()), 1.0)) * (now - self._sampled_at)
        self._new = {key: share * scale for key, share in shares.items()}
        self._sampled_at = now


def _kills_for_memory() -> int:
    """Return how many processes of this machine or container the kernel has killed because memory ran out."""
    for line in Path("/proc/vmstat").read_bytes().splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0
