"""The processes of one box, read from its own /proc (proc_pid_stat(5), proc_pid_smaps(5)).

Hosts without cgroups measure steps by it. All hosts find out by it how long a program waits for a processor.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox.keeper import files
from executor.sandbox.keeper.kernel_memory import KernelMemory
from executor.sandbox.keeper.listed_memory import ListedMemory

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Roughly what the kernel keeps in memory for an empty file of a tmpfs.
_INODE_BYTES = 1024
#: Bytes of address space up to which a process's page tables are not read: they have 512 KiB at most.
_SMALL_ADDRESS_SPACE = 256 << 20
#: How often the threads of a box are looked for to lower their priority.
_MAX_PASSES = 10


@dataclass(frozen=True)
class Process:
    """One sample of a process: CPU seconds of its own and of the children it has waited for, resident bytes, bytes of
    its page tables, and its share of a processor at this moment."""

    own: float
    waited: float
    resident: int = 0
    page_tables: int = 0
    running: float = 0.0


class ProcessTree:
    """Opens the box's /proc and /box once. Programs cannot replace them, because they are mounts.

    `kernel` and `listed` count memory that no process has mapped.
    """

    def __init__(self, init: int) -> None:
        self._init = init
        self._proc = os.open(f"/proc/{init}/root/proc", os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._box = os.open(f"/proc/{init}/root/box", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # process 1 has just ended
            os.close(self._proc)
            raise
        self.kernel = KernelMemory(self._proc)
        self.listed = ListedMemory(self._proc)

    def sample(self) -> dict[tuple[int, str], Process]:
        """Return the living processes by id and start time. Of process 1 only `waited` is set."""
        processes = {}
        for pid in self._pids():
            with contextlib.suppress(OSError, IndexError):
                # The name, in parentheses, may contain any character. The fields follow the last parenthesis.
                fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
                waited = (int(fields[13]) + int(fields[14])) * _TICK
                if pid == 1:
                    processes[pid, fields[19].decode()] = Process(0.0, waited)
                    continue
                # `stat` counts all threads in ticks, rounded down. `schedstat` counts the first thread in nanoseconds.
                # By ticks alone, hundreds of processes with less than a tick each would use nothing.
                exact, delayed = (int(word) / 1e9 for word in self._read(f"{pid}/schedstat").split()[:2])
                own = max((int(fields[11]) + int(fields[12])) * _TICK, exact)
                # Page tables map 512 times their size, so they are large only if the address space is.
                tables = self._page_tables(pid) if int(fields[20]) > _SMALL_ADDRESS_SPACE else 0
                running = exact / (exact + delayed) if fields[0] == b"R" and exact > 0 else 0.0
                processes[pid, fields[19].decode()] = Process(own, waited, int(fields[21]) * _PAGE, tables, running)
        return processes

    def file_bytes(self) -> int:
        """Return the bytes of the files in the box, and of what the kernel keeps for each."""
        used = os.fstatvfs(self._box)
        return (used.f_blocks - used.f_bfree) * used.f_frsize + (used.f_files - used.f_ffree) * _INODE_BYTES

    def proportional_bytes(self) -> int:
        """Return the bytes mapped by all processes, shared ones counted once. Slower than adding up resident sizes."""
        total = 0
        for pid in self._pids():
            if pid != 1:
                with contextlib.suppress(OSError, IndexError, StopIteration):
                    lines = self._read(f"{pid}/smaps_rollup").splitlines()
                    total += int(next(line for line in lines if line.startswith(b"Pss:")).split()[1]) * 1024
        return total

    def max_wait(self) -> float:
        """Return the seconds that the most delayed thread has spent runnable without a processor."""
        return max(map(self.wait_of, self._pids()), default=0.0)

    def give_way(self) -> None:
        """Let all threads run only when no others want to (sched(7), SCHED_IDLE). What they start inherits that."""
        done: set[int] = set()
        for _ in range(_MAX_PASSES):  # others may start meanwhile
            threads = set(_threads_below(self._init)) - done
            if not threads:
                return
            for thread in threads:
                with contextlib.suppress(OSError):  # it has just ended, or has a user that we may not touch
                    os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
            done |= threads

    def is_runnable(self) -> bool:
        """Return True if a thread has a processor, or waits for one."""
        for pid in self._pids():
            for path in self._threads(pid):
                with contextlib.suppress(OSError, IndexError):
                    if self._read(f"{path}/stat").rpartition(b")")[2].split()[0] == b"R":
                        return True
        return False

    def wait_of(self, pid: int) -> float:
        """Return the seconds that the most delayed thread of a process has spent runnable without a processor."""
        longest = 0
        for path in self._threads(pid):
            with contextlib.suppress(OSError, IndexError):
                longest = max(longest, int(self._read(f"{path}/schedstat").split()[1]))
        return longest / 1e9

    def _threads(self, pid: int) -> Iterator[str]:
        with contextlib.suppress(OSError):
            for thread in files.names_in(self._proc, f"{pid}/task"):
                yield f"{pid}/task/{thread}"

    def close(self) -> None:
        self.kernel.close()
        os.close(self._proc)
        os.close(self._box)

    def _page_tables(self, pid: int) -> int:
        return int(self._read(f"{pid}/status").partition(b"VmPTE:")[2].split(maxsplit=1)[0]) * 1024

    def _pids(self) -> Iterator[int]:
        return (int(name) for name in os.listdir(self._proc) if name.isdigit())

    def _read(self, path: str) -> bytes:
        return files.read(self._proc, path)


def _threads_below(pid: int) -> Iterator[int]:
    """Yield the threads of all descendants of a process, by their ids outside of the box."""
    for child in descendants(pid):
        with contextlib.suppress(OSError):  # it has just ended
            yield from map(int, os.listdir(f"/proc/{child}/task"))


def descendants(pid: int) -> Iterator[int]:
    """Yield all descendants of a process; none if the kernel does not list children (proc_tid_children(5))."""
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split()):
                yield child
                yield from descendants(child)
