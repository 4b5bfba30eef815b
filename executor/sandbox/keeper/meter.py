"""How much one step has used so far: by cgroup (version 1 or 2) where one can be made, else by reading /proc.

The executor finds out which (`executor/sandbox/wall/cgroups.py`) and hands the keeper descriptors of its own cgroup
folders; every step gets a fresh child of them, so that nothing is carried over from one to the next. What was used
before the step began, by a process that was started ahead of need, is not the program's and is not counted.
"""

import contextlib
import os
from dataclasses import dataclass
from typing import Protocol

from executor.sandbox.keeper.protocol import StepLimits


@dataclass(frozen=True)
class Usage:
    """CPU seconds and peak bytes of the whole tree; `exhausted` when the kernel killed for want of memory."""

    cpu_s: float
    memory_bytes: int
    exhausted: bool = False


class Meter(Protocol):
    def joins(self) -> list[int]:
        """Descriptors to which the step's first process writes "0", before it gives up its privileges: from there on
        it and its children are counted. The caller closes them."""

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        """The program begins, and these are its limits. What was used while it `waited` is not its own; one that did
        not may have begun before we were told."""

    def sample(self) -> Usage:
        """The use until now."""

    def conclude(self, told: Usage, seen: Usage | None) -> Usage:
        """The use at the step's end, of which process 1 has `told`; `seen` is the last sample, where another step may
        have begun since then."""

    def is_starved(self) -> bool:
        """Return True if the kernel killed for memory since the step began, and `sample` does not know whom."""

    def close(self) -> None:
        """Forget the step; all its processes are dead."""


#: Of the buffers of one box's TCP connections, to itself: there is no other network.
_MOST_TCP_BYTES = 64 << 20


class _Folder:
    """One cgroup directory below an open one; files are reached relative to it."""

    def __init__(self, base: int, name: str) -> None:
        self._base = base
        self._name = name
        os.mkdir(name, dir_fd=base)
        self._descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=base)
        self._read: dict[str, int] = {}  # those that were read stay open, as they will be again

    def read(self, file: str) -> str:
        descriptor = self._read.get(file)
        if descriptor is None:
            descriptor = self._read[file] = os.open(file, os.O_RDONLY, dir_fd=self._descriptor)
        return os.pread(descriptor, 4096, 0).decode()

    def write(self, file: str, value: str) -> None:
        descriptor = os.open(file, os.O_WRONLY, dir_fd=self._descriptor)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def try_write(self, file: str, value: str) -> None:
        """For files that not every kernel has."""
        with contextlib.suppress(FileNotFoundError):
            self.write(file, value)

    def opened(self, file: str) -> int:
        return os.open(file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self._descriptor)

    def remove(self) -> None:
        for descriptor in (self._descriptor, *self._read.values()):
            os.close(descriptor)
        # The keeper sweeps what is busy still (its own folder goes at the end of its life).
        with contextlib.suppress(OSError):
            os.rmdir(self._name, dir_fd=self._base)


class CgroupV1:
    """One child in each of the hierarchies memory, cpuacct and (where mounted) pids and cpu."""

    def __init__(self, bases: dict[str, int], name: str, limits: StepLimits) -> None:
        self._memory = _Folder(bases["memory"], name)
        self._cpu = _Folder(bases["cpuacct"], name)
        self._others = [_Folder(base, name) for kind, base in bases.items() if kind not in ("memory", "cpuacct")]
        self._limits: StepLimits | None = None
        self._cpu_before = 0.0
        self._limit(limits)

    def joins(self) -> list[int]:
        # `tasks` with one thread skips the kernel's wait for a grace period, which costs 9-14 ms on `cgroup.procs`.
        return [folder.opened("tasks") for folder in (self._memory, self._cpu, *self._others)]

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        self._limit(limits)
        self._cpu_before = self._cpu_s() if waited else 0.0

    def sample(self) -> Usage:
        kills = self._memory.read("memory.oom_control").rpartition("oom_kill ")[2]
        return Usage(
            cpu_s=self._cpu_s() - self._cpu_before,
            memory_bytes=int(self._memory.read("memory.max_usage_in_bytes")),
            exhausted=int(kills) > 0,
        )

    def conclude(self, told: Usage, seen: Usage | None) -> Usage:
        return self.sample()  # no other step is in this group

    def is_starved(self) -> bool:
        return False  # the group counts those of its own

    def close(self) -> None:
        for folder in (self._memory, self._cpu, *self._others):
            folder.remove()

    def _cpu_s(self) -> float:
        return int(self._cpu.read("cpuacct.usage")) / 1e9

    def _limit(self, limits: StepLimits) -> None:
        if self._limits is None or limits.memory_bytes != self._limits.memory_bytes:
            # Memory and swap together may at no time be less than memory alone, so which comes first depends.
            value, files = str(limits.memory_bytes), ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
            if self._limits and limits.memory_bytes > self._limits.memory_bytes:
                files.reverse()
            for file in files:
                self._memory.try_write(file, value)
            # Not part of the above, and by default without limit; version 2 counts it as memory.
            self._memory.try_write("memory.kmem.tcp.limit_in_bytes", str(min(limits.memory_bytes, _MOST_TCP_BYTES)))
        if self._limits is None or limits.processes != self._limits.processes:
            for folder in self._others:
                folder.try_write("pids.max", str(limits.processes))
        if limits.background:
            for folder in self._others:
                folder.try_write("cpu.shares", "102")
        self._limits = limits


class CgroupV2:
    """One child of the unified hierarchy, with the controllers memory, pids and cpu."""

    def __init__(self, bases: dict[str, int], name: str, limits: StepLimits) -> None:
        self._folder = _Folder(bases["unified"], name)
        self._peak = 0
        self._cpu_before = 0.0
        self._folder.try_write("memory.swap.max", "0")
        self._folder.try_write("memory.oom.group", "1")
        self._limit(limits)

    def joins(self) -> list[int]:
        return [self._folder.opened("cgroup.procs")]

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        self._limit(limits)
        self._cpu_before = self._cpu_s() if waited else 0.0

    def sample(self) -> Usage:
        events = dict(line.split() for line in self._folder.read("memory.events").splitlines())
        try:
            self._peak = int(self._folder.read("memory.peak"))
        except FileNotFoundError:  # before Linux 5.19
            self._peak = max(self._peak, int(self._folder.read("memory.current")))
        return Usage(self._cpu_s() - self._cpu_before, self._peak, int(events["oom_kill"]) > 0)

    def conclude(self, told: Usage, seen: Usage | None) -> Usage:
        return self.sample()  # no other step is in this group

    def is_starved(self) -> bool:
        return False  # the group counts those of its own

    def close(self) -> None:
        self._folder.remove()

    def _cpu_s(self) -> float:
        cpu = dict(line.split() for line in self._folder.read("cpu.stat").splitlines())
        return int(cpu["usage_usec"]) / 1e6

    def _limit(self, limits: StepLimits) -> None:
        self._folder.write("memory.max", str(limits.memory_bytes))
        self._folder.try_write("pids.max", str(limits.processes))
        if limits.background:
            self._folder.try_write("cpu.weight", "10")
