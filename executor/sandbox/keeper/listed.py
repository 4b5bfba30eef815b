"""Counts memory that the kernel holds for a box and shows only in long lists: mappings, and the watches of epolls.

A list is long if a program has many of something, and making many takes CPU time. So the meter reads the lists once for
a certain CPU time of the box. Each entry counts for more than it takes, so a box ends before listing takes long.
"""

import contextlib
import os
from collections.abc import Iterator

#: The kernel keeps 200 bytes for a mapping (proc_pid_maps(5)). Of one process so many are free.
_MANY_MAPPINGS, _MAPPING_BYTES = 1000, 4096
#: A mapping that was copied by fork(2) has one more such entry for each living ancestor (`anon_vma_chain`).
_ANCESTOR_BYTES = 64
#: For a file that an epoll watches the kernel keeps 200 bytes. There are at most as many as epolls times files, so few
#: where all processes together have few files open.
_FEW_FILES, _WATCH_BYTES = 512, 4096
_PIECE = 1 << 16


class Listed:
    """`proc` is the box's own /proc, which the caller closes."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._most_ancestors = 0

    def held(self, most: int) -> int:
        """Bytes for all processes but process 1, until they are more than `most`."""
        total = 0
        for part in self._parts():
            total += part
            if total > most:
                break
        return total

    def _parts(self) -> Iterator[int]:
        parents = dict(self._parents())
        # An ancestor that has ended since leaves its entries.
        self._most_ancestors = max(self._most_ancestors, _longest_line(parents))
        for pid in parents:
            mappings = self._count(f"{pid}/maps", b"\n")
            yield max(mappings - _MANY_MAPPINGS, 0) * _MAPPING_BYTES
            yield mappings * self._most_ancestors * _ANCESTOR_BYTES
        # Of another user's process /proc/PID/fd is not to be seen, which has less to read.
        files = [f"{pid}/fdinfo/{number}" for pid in parents for number in self._list(f"{pid}/fdinfo")]
        if len(files) > _FEW_FILES:
            for path in files:
                yield self._count(path, b"tfd:") * _WATCH_BYTES

    def _parents(self) -> Iterator[tuple[int, int]]:
        for name in os.listdir(self._proc):
            if name.isdigit() and name != "1":
                with contextlib.suppress(OSError, IndexError):
                    # As in `ProcessTree.sample`: what follows the last parenthesis is safe.
                    yield int(name), int(self._read(f"{name}/stat").rpartition(b")")[2].split()[1])

    def _list(self, folder: str) -> list[str]:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._proc)
        except OSError:  # it has just ended
            return []
        try:
            return os.listdir(descriptor)
        except OSError:
            return []
        finally:
            os.close(descriptor)

    def _count(self, path: str, mark: bytes) -> int:
        found = 0
        with contextlib.suppress(OSError):  # it has just ended
            descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
            try:
                while text := os.read(descriptor, _PIECE):
                    found += text.count(mark)
            finally:
                os.close(descriptor)
        return found

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, 4096)
        finally:
            os.close(descriptor)


def _longest_line(parents: dict[int, int]) -> int:
    """How many ancestors that process has that has the most of them."""
    longest = 0
    for pid in parents:
        ancestors = 0
        while (pid := parents.get(pid, 0)) in parents and ancestors < len(parents):
            ancestors += 1
        longest = max(longest, ancestors)
    return longest
