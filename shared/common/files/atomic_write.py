"""Writes a file so that readers see the old content or the new one, never a part, even after a power cut.

`write_durably` waits less, and promises less for a new file.
"""

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.common.files.content import Content

#: What link(2) says on file systems without hard links.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
_PRIVATE: Final = 0o600
_PIECE_BYTES: Final = 1 << 20


def write_atomically(folder: int, name: str, data: Content, mode: int = _PRIVATE) -> None:
    """Write the file `name` in `folder`, an open descriptor, or replace it. By default only the owner can read it.

    It writes a draft, calls fsync(2), rename(2), and fsync on the folder. There are few system calls, because this runs
    in a thread, which waits for the interpreter's lock after each of them.
    """
    draft = _write_draft(folder, data, mode)
    try:
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _remove(folder, draft)
        raise
    os.fsync(folder)


def write_durably(folder: int, name: str, data: Content) -> None:
    """Write the file `name` in `folder`, or replace it, so that it outlives a power cut after the return.

    Only the owner can read it. A new file gets its name before the first wait for the disk, so that both waits share a
    commit of a journalling file system. A power cut before the return may therefore leave a part of it under its name,
    so nothing may refer to it until then. An old file is replaced as by `write_atomically`, because it may be in use.
    """
    if not _link_new(folder, name, data):
        write_atomically(folder, name, data)


def replace_file(path: Path, data: bytes, mode: int = _PRIVATE) -> None:
    """Write the file at `path`, or replace it, as `write_atomically` does."""
    with _opened(path.parent) as folder:
        write_atomically(folder, path.name, data, mode)


def create_file(path: Path, data: bytes, mode: int = _PRIVATE) -> None:
    """Write the file at `path` as `write_atomically` does, unless there is one: the first process wins."""
    with _opened(path.parent) as folder:
        draft = _write_draft(folder, data, mode)
        try:
            os.link(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError:
            pass
        except OSError as exc:
            if exc.errno not in _NO_LINKS:
                raise
            os.rename(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            _remove(folder, draft)
        os.fsync(folder)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def _link_new(folder: int, name: str, data: Content) -> bool:
    """Write a file that has no name until its content is written, so that a crash leaves no draft (ADR 1).

    Return False, and leave nothing, if there is a file `name`, or if a file without a name cannot be made here.
    """
    try:
        file = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, _PRIVATE, dir_fd=folder)
    except OSError:
        return False
    try:
        _fill(file, data, _PRIVATE)
        try:
            os.link(f"/proc/self/fd/{file}", name, dst_dir_fd=folder)  # it never replaces a file
        except OSError:
            return False
        # Only now: a file system without a journal may lose a link that was made after this.
        _fsync_or_remove(file, folder, name)
    finally:
        os.close(file)
    os.fsync(folder)
    return True


def _write_draft(folder: int, data: Content, mode: int) -> str:
    """Write a draft that is on the disk, and return its name, which begins with a dot."""
    draft = f".{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(draft, flags, _PRIVATE, dir_fd=folder)
    try:
        try:
            _fill(file, data, mode)
            os.fsync(file)
        finally:
            os.close(file)
    except BaseException:
        _remove(folder, draft)
        raise
    return draft


def _fill(file: int, data: Content, mode: int) -> None:
    if mode != _PRIVATE:
        os.fchmod(file, mode)  # which the umask does not change
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    source.seek(0)
    while left := memoryview(source.read(_PIECE_BYTES)):
        while left:
            left = left[os.write(file, left) :]


def _fsync_or_remove(file: int, folder: int, name: str) -> None:
    """Call fsync(2). If that fails, remove the file `name`, unless another writer has replaced it by now."""
    try:
        os.fsync(file)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), os.stat(name, dir_fd=folder, follow_symlinks=False)):
                os.unlink(name, dir_fd=folder)
        raise


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
