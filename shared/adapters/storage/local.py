"""The object store in a folder, for installations without S3. The API serves its links.

The folder is opened once. Every path is opened below that descriptor, one segment at a time and without following
symbolic links, so that neither a key nor a planted link leads out of the folder.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, ParamSpec, TypeVar

from shared.adapters.storage.base import LINK_SECONDS
from shared.adapters.storage.keys import checked
from shared.adapters.storage.signing import LinkSigner
from shared.common.files.atomic_write import write_durably
from shared.common.files.content import Content
from shared.common.service.errors import ConfigurationError, ObjectNotFound, StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

#: Names that `keys` yields at once.
_NAMES_AT_ONCE: Final = 1000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _in_thread(work: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the same work as a coroutine function, which does it in a thread."""

    async def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except OSError as exc:
            raise StoreUnavailable(f"The store's folder cannot be used: {exc.strerror}.") from exc

    return waiting


class LocalStore:
    """A store in a folder. It does not keep content types: the API derives them from the key."""

    def __init__(self, folder: Path, signer: LinkSigner) -> None:
        self._signer = signer
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._root = os.open(folder, _FOLDER)
        except OSError as exc:
            raise ConfigurationError(
                f"Files cannot be kept in {folder} ({exc.strerror}): set PRECIEUX_DATA_DIR to a writable folder."
            ) from exc

    @_in_thread
    def put(self, key: str, data: Content, *, content_type: str = "application/octet-stream") -> None:
        with self._folder_of(key, create=True) as (folder, name):
            write_durably(folder, name, data)

    @_in_thread
    def get(self, key: str) -> bytes:
        with self._opened(key) as file:
            return file.read()

    @_in_thread
    def read(self, key: str, start: int, length: int) -> bytes:
        with self._opened(key) as file:
            file.seek(start)
            return file.read(length)

    @_in_thread
    def size(self, key: str) -> int:
        with self._opened(key) as file:
            return os.fstat(file.fileno()).st_size

    async def link(self, key: str) -> str:
        return self._signer.link(checked(key), expires=int(time.time()) + LINK_SECONDS)

    @_in_thread
    def delete(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder_of(key) as (folder, name):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    @_in_thread
    def delete_prefix(self, prefix: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder_of(prefix) as (folder, beginning):
            names = [name for name in os.listdir(folder) if name.startswith(beginning)]
            for name in names:
                with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                    os.unlink(name, dir_fd=folder)
            if names:
                os.fsync(folder)

    async def keys(self, folder: str) -> AsyncGenerator[list[str]]:
        names = await self._names(folder)
        for start in range(0, len(names), _NAMES_AT_ONCE):
            yield [f"{folder}/{name}" for name in names[start : start + _NAMES_AT_ONCE]]

    async def close(self) -> None:
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)

    @_in_thread
    def _names(self, folder: str) -> list[str]:
        try:
            with self._folder_of(f"{folder}/any") as (opened, _), os.scandir(opened) as entries:
                files = (entry.name for entry in entries if entry.is_file(follow_symlinks=False))
                # The names of drafts, which are not written completely, begin with a dot.
                return [name for name in files if not name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO]:
        try:
            with self._folder_of(key) as (folder, name):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as file:
                yield file
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
            raise ObjectNotFound(f"The store holds no object {key}.") from exc

    @contextlib.contextmanager
    def _folder_of(self, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Yield a descriptor of the folder that holds `key`, and the name of the file in it."""
        *folders, name = checked(key).split("/")
        with contextlib.ExitStack() as opened:
            current = self._root
            for folder in folders:
                current = _open_below(current, folder, create=create)
                opened.callback(os.close, current)
            yield current, name


def _open_below(parent: int, folder: str, *, create: bool) -> int:
    try:
        return os.open(folder, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.mkdir(folder, 0o700, dir_fd=parent)
        os.fsync(parent)
    return os.open(folder, _FOLDER, dir_fd=parent)
