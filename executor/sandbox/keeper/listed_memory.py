"""Counts memory that the kernel holds for a box and shows only in long lists: mappings, and the watches of epolls.

A program needs CPU time to make a list longer, so the meter reads the lists again only after the box has used some.
Each entry counts for more bytes than it takes, so a box reaches its limit before reading takes long.
"""

import contextlib
import os
from collections.abc import Iterator

from executor.sandbox.keeper import files

#: The kernel keeps 200 bytes for a mapping (proc_pid_maps(5)). The first ones of each process do not count.
_FREE_MAPPINGS, _MAPPING_BYTES = 1000, 4096
#: For a mapping that was copied by fork(2), the kernel keeps one more entry for each ancestor (`anon_vma_chain`).
_ANCESTOR_BYTES = 64
#: The kernel keeps 200 bytes for a file that an epoll watches. There are at most as many as epolls times files, so they
#: are counted only if all processes together have more open files than this.
_FEW_FILES, _WATCH_BYTES = 512, 4096
_READ_BYTES = 1 << 16


class ListedMemory:
    """Reads the box's own /proc (`proc`), which the caller closes."""

    def __init__(self, proc: int) -> None:
        self._proc = proc
        self._max_ancestors = 0

    def held_bytes(self, limit: int) -> int:
        """Return the bytes of all processes but process 1. Stops counting beyond `limit`."""
        total = 0
        for part in self._parts():
            total += part
            if total > limit:
                break
        return total

    def _parts(self) -> Iterator[int]:
        parents = dict(self._parents())
        # The entries of an ancestor stay after it has ended.
        self._max_ancestors = max(self._max_ancestors, _longest_descent(parents))
        for pid in parents:
            mappings = self._count(f"{pid}/maps", b"\n")
            yield max(mappings - _FREE_MAPPINGS, 0) * _MAPPING_BYTES
            yield mappings * self._max_ancestors * _ANCESTOR_BYTES
        # `fd` would be shorter to read, but the kernel hides it for processes of other users.
        paths = [f"{pid}/fdinfo/{number}" for pid in parents for number in self._list(f"{pid}/fdinfo")]
        if len(paths) > _FEW_FILES:
            for path in paths:
                yield self._count(path, b"tfd:") * _WATCH_BYTES

    def _parents(self) -> Iterator[tuple[int, int]]:
        for name in os.listdir(self._proc):
            if name.isdigit() and name != "1":
                with contextlib.suppress(OSError, IndexError):
                    # The fields follow the last parenthesis, as in `ProcessTree.sample`.
                    yield int(name), int(files.read(self._proc, f"{name}/stat").rpartition(b")")[2].split()[1])

    def _list(self, folder: str) -> list[str]:
        with contextlib.suppress(OSError):  # it has just ended
            return files.names_in(self._proc, folder)
        return []

    def _count(self, path: str, mark: bytes) -> int:
        count = 0
        with contextlib.suppress(OSError), files.opened(self._proc, path) as descriptor:  # it may have just ended
            while text := os.read(descriptor, _READ_BYTES):
                count += text.count(mark)
        return count


def _longest_descent(parents: dict[int, int]) -> int:
    longest = 0
    for pid in parents:
        ancestors = 0
        while (pid := parents.get(pid, 0)) in parents and ancestors < len(parents):
            ancestors += 1
        longest = max(longest, ancestors)
    return longest
