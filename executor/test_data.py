"""Keeps inputs and answers of problems by their SHA-256, so that each comes here once and not with every run.

The files are in a folder that no box has. What enters a box is a sealed copy.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import weakref
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path
from time import monotonic
from typing import Final

_PREFIX: Final = "precieux-tests-"
_LOCK: Final = "lock"
#: Seconds for which data that has come is spared, so that the run it was sent for finds it.
_SPARED_S: Final = 300
#: Bytes of a piece that are hashed and written without a thread.
_SMALL_PIECE: Final = 64 << 10


class TestDataCache:
    """The data of tests on the disk. What a run holds stays, and does not count. The rest has `max_bytes` together:
    what was used least recently goes first, but what has just come goes last. Each process has a folder of its own in
    `parent`."""

    __test__ = False  # pytest would take it for a test

    def __init__(self, parent: Path | None, max_bytes: int) -> None:
        self._parent = parent
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._came_at: dict[str, float] = {}
        self._held: Counter[str] = Counter()
        self._folder = ""
        self._lock = -1

    def missing(self, digests: Collection[str]) -> list[str]:
        """Return those that are not here, each once."""
        return [digest for digest in dict.fromkeys(digests) if digest not in self._sizes]

    @contextlib.contextmanager
    def hold(self, digests: Collection[str]) -> Iterator[None]:
        """Keep data while the context lasts."""
        self._held.update(digests)
        try:
            yield
        finally:
            self._held.subtract(digests)
            self._held += Counter()  # without those that nobody holds
            self._make_room(0)

    async def read(self, digest: str) -> bytes:
        """Return data that is held."""
        self._sizes.move_to_end(digest)
        return await asyncio.to_thread(self._path(digest).read_bytes)

    async def store(self, digest: str, chunks: AsyncIterator[bytes]) -> bool:
        """Keep what the chunks hold. Return False, and keep nothing, if it is not what the digest says."""
        hashed, size = hashlib.sha256(), 0
        with tempfile.NamedTemporaryFile(dir=self._own_folder(), delete=False) as file:

            def add(chunk: bytes) -> None:
                hashed.update(chunk)
                file.write(chunk)

            try:
                async for chunk in chunks:
                    size += len(chunk)
                    await asyncio.to_thread(add, chunk) if len(chunk) > _SMALL_PIECE else add(chunk)
                file.flush()
                if hashed.hexdigest() != digest:
                    return False
                if digest not in self._sizes:
                    self._make_room(size)
                    os.rename(file.name, self._path(digest))
                    self._sizes[digest] = size
                self._came_at[digest] = monotonic()
                return True
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.name)

    def _make_room(self, size: int) -> None:
        """Remove data that nobody holds until that and `size` bytes more fit."""
        removable = [digest for digest in self._sizes if not self._held[digest]]
        excess = sum(self._sizes[digest] for digest in removable) + size - self._max_bytes
        spared = monotonic() - _SPARED_S
        for digest in sorted(removable, key=lambda digest: self._came_at[digest] > spared) if excess > 0 else ():
            excess -= self._sizes.pop(digest)
            del self._came_at[digest]
            self._path(digest).unlink(missing_ok=True)
            if excess <= 0:
                return

    def _path(self, digest: str) -> Path:
        return Path(self._own_folder(), digest)

    def _own_folder(self) -> str:
        """Return the folder of this process. It is made when it is first needed."""
        if not self._folder:
            parent = self._parent or Path(tempfile.gettempdir())
            _remove_abandoned(parent)
            self._folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            # The lock says that this process lives.
            self._lock = os.open(Path(self._folder, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._folder


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of our processes that have died. In a temporary folder, other users may have some too."""
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):
            if lock.stat().st_uid == os.geteuid():
                with lock.open() as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent)
