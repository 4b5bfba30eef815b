"""Limits and meters of hosts where cgroups of version 1 or 2 can be made.

The executor finds out the version (`executor/sandbox/wall/cgroups.py`) and passes descriptors of its own cgroup
folders. Each box gets new children of them, so that nothing is carried over from one box to the next. CPU time that a
process used while it waited for its program is not counted.
"""

import abc
import contextlib
import os

from executor.sandbox.keeper import channel, files
from executor.sandbox.keeper.meter import ResourceUsage
from executor.sandbox.keeper.protocol import StepLimits

#: The limit for the buffers of a box's TCP connections. Both ends of each are in the box.
_MAX_TCP_BYTES = 64 << 20


class _Folder:
    """One cgroup, made below an open one. Its files are opened relative to it."""

    def __init__(self, base: int, name: str) -> None:
        self._base = base
        self._name = name
        self._open_files: dict[str, int] = {}  # files stay open, because they are read repeatedly
        os.mkdir(name, dir_fd=base)
        try:
            self._descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=base)
        except OSError:
            os.rmdir(name, dir_fd=base)
            raise

    def read(self, file: str) -> str:
        descriptor = self._open_files.get(file)
        if descriptor is None:
            descriptor = self._open_files[file] = os.open(file, os.O_RDONLY, dir_fd=self._descriptor)
        return os.pread(descriptor, 4096, 0).decode()

    def write(self, file: str, value: str) -> None:
        files.write(self._descriptor, file, value.encode())

    def try_write(self, file: str, value: str) -> bool:
        """Write a file that not every kernel has. Returns False if it is not there."""
        try:
            self.write(file, value)
        except FileNotFoundError:
            return False
        return True

    def open(self, file: str) -> int:
        return os.open(file, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self._descriptor)

    def remove(self) -> None:
        for descriptor in (self._descriptor, *self._open_files.values()):
            os.close(descriptor)
        # A cgroup that is still busy is removed when the executor ends (`Cgroups.remove`).
        with contextlib.suppress(OSError):
            os.rmdir(self._name, dir_fd=self._base)


class _Cgroup(abc.ABC):
    """One cgroup in each hierarchy that the executor has (`bases`)."""

    #: The file by which a process joins, and the one with its weight and a tenth of the usual one.
    _JOIN: str
    _WEIGHT: tuple[str, str]

    def __init__(self, bases: dict[str, int], name: str, limits: StepLimits) -> None:
        self._folders: dict[str, _Folder] = {}
        self._limits: StepLimits | None = None
        self._cpu_before = 0.0
        try:
            for hierarchy, base in bases.items():
                self._folders[hierarchy] = _Folder(base, name)
            self._limit(limits)
        except OSError:
            self.close()
            raise

    def joins(self) -> list[int]:
        descriptors: list[int] = []
        try:
            for folder in self._folders.values():
                descriptors.append(folder.open(self._JOIN))  # noqa: PERF401  (they must be known if one fails)
        except OSError:
            channel.close(descriptors)
            raise
        return descriptors

    def begin(self, limits: StepLimits) -> None:
        self._limit(limits)
        self._cpu_before = self._cpu_s()

    def give_way(self) -> bool:
        # Only one of the hierarchies has the file.
        return any(folder.try_write(*self._WEIGHT) for folder in self._folders.values())

    @abc.abstractmethod
    def sample(self) -> ResourceUsage: ...

    def conclude(self, reported: ResourceUsage) -> ResourceUsage:
        return self.sample()

    def is_starved(self) -> bool:
        return False  # `sample` reads the kills of this cgroup

    def close(self) -> None:
        for folder in self._folders.values():
            folder.remove()

    @abc.abstractmethod
    def _cpu_s(self) -> float: ...

    @abc.abstractmethod
    def _limit(self, limits: StepLimits) -> None: ...


class CgroupV1(_Cgroup):
    """One cgroup in each of the hierarchies memory, cpuacct and, if they are mounted, pids and cpu.

    Often cpuacct and cpu are one hierarchy, which then has the name cpuacct.
    """

    # Writing one thread to `tasks` avoids the kernel's grace period, which takes 9-14 ms on `cgroup.procs`.
    _JOIN = "tasks"
    _WEIGHT = "cpu.shares", "102"

    def sample(self) -> ResourceUsage:
        memory = self._folders["memory"]
        kills = memory.read("memory.oom_control").rpartition("oom_kill ")[2]
        return ResourceUsage(
            cpu_s=max(0.0, self._cpu_s() - self._cpu_before),
            memory_bytes=int(memory.read("memory.max_usage_in_bytes")),
            exhausted=int(kills) > 0,
        )

    def _cpu_s(self) -> float:
        return int(self._folders["cpuacct"].read("cpuacct.usage")) / 1e9

    def _limit(self, limits: StepLimits) -> None:
        memory = self._folders["memory"]
        if self._limits is None or limits.memory_bytes != self._limits.memory_bytes:
            # The limit of memory and swap together may never be below that of memory: it rises first and falls last.
            value, names = str(limits.memory_bytes), ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
            if self._limits and limits.memory_bytes > self._limits.memory_bytes:
                names.reverse()
            for name in names:
                memory.try_write(name, value)
            # Buffers of TCP are counted apart, by default without limit. Version 2 counts them as memory.
            memory.try_write("memory.kmem.tcp.limit_in_bytes", str(min(limits.memory_bytes, _MAX_TCP_BYTES)))
        for folder in self._folders.values():
            if self._limits is None or limits.processes != self._limits.processes:
                folder.try_write("pids.max", str(limits.processes))
        self._limits = limits


class CgroupV2(_Cgroup):
    """One cgroup of the unified hierarchy, with the controllers memory, pids and cpu."""

    _JOIN = "cgroup.procs"
    _WEIGHT = "cpu.weight", "10"
    _peak = 0

    def sample(self) -> ResourceUsage:
        folder = self._folders["unified"]
        events = dict(line.split() for line in folder.read("memory.events").splitlines())
        try:
            self._peak = int(folder.read("memory.peak"))
        except FileNotFoundError:  # before Linux 5.19
            self._peak = max(self._peak, int(folder.read("memory.current")))
        return ResourceUsage(max(0.0, self._cpu_s() - self._cpu_before), self._peak, int(events["oom_kill"]) > 0)

    def _cpu_s(self) -> float:
        cpu = dict(line.split() for line in self._folders["unified"].read("cpu.stat").splitlines())
        return int(cpu["usage_usec"]) / 1e6

    def _limit(self, limits: StepLimits) -> None:
        folder = self._folders["unified"]
        if self._limits is None:
            folder.try_write("memory.swap.max", "0")
            folder.try_write("memory.oom.group", "1")
        folder.write("memory.max", str(limits.memory_bytes))
        folder.try_write("pids.max", str(limits.processes))
        self._limits = limits
