"""Reads the files of a folder or a zip, and trusts nothing that a zip says of itself."""

import contextlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from shared.common.files.archives import BROKEN, ENCRYPTED, METHODS, is_folder

_PIECE_BYTES: Final = 1 << 16
#: An archive of more than these bytes, which are this many times those of the zip, is a bomb.
_BOMB_BYTES: Final = 64 << 20
_BOMB_RATIO: Final = 500
_UTF_8_NAME: Final = 0x800
_LEFT_OUT: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "__pycache__", "node_modules"})


class UnreadableFile(ValueError):
    """A zip or a file cannot be read. The text is the reason, without a dot."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file that is read when it is needed. `read` raises `UnreadableFile`."""

    size: int
    read: Callable[[], bytes]


#: Files by their paths.
Tree: TypeAlias = Mapping[str, TreeFile]


def is_left_out(path: str) -> bool:
    """Return True for files that systems and editors make, and for hidden ones."""
    parts = path.split("/")
    return path.endswith((".class", ".pyc")) or any(part in _LEFT_OUT or part.startswith((".", "~$")) for part in parts)


def without_only_folder(files: Tree) -> Tree:
    """Return the files of the single folder that holds them all, or else the same files."""
    tops = {path.partition("/")[0] for path in files}
    if len(tops) != 1 or tops & files.keys():
        return files
    return {path.partition("/")[2]: file for path, file in files.items()}


def walk(folder: Path) -> Iterator[tuple[str, TreeFile | None]]:
    """Yield the paths below a folder with their files, and None for folders. Links and special files are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name == ".git" or not is_left_out(name)]
        inside = Path(place).relative_to(folder)
        for name in sorted(folders):
            yield (inside / name).as_posix(), None
        if ".git" in folders:
            folders.remove(".git")
        for name in sorted(names):
            status = (path := Path(place, name)).lstat()
            if stat.S_ISREG(status.st_mode):
                yield (inside / name).as_posix(), TreeFile(status.st_size, partial(_read_file, path))


@contextlib.contextmanager
def opened_zip(file: Path | bytes, *, max_files: int, max_bytes: int) -> Iterator[list[tuple[str, TreeFile | None]]]:
    """Yield the paths in a zip as `walk` does. Raises `UnreadableFile` if the zip may not be opened."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(file) if isinstance(file, bytes) else file)
    except BROKEN as exc:
        raise UnreadableFile("it is damaged, or no zip") from exc
    with archive:
        infos = archive.infolist()
        _check(infos, len(file) if isinstance(file, bytes) else file.stat().st_size, max_files, max_bytes)
        links = [info for info in infos if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)]
        yield [(_path_of(info), _file_of(archive, info)) for info in infos if info not in links]


def _check(infos: list[zipfile.ZipInfo], packed: int, max_files: int, max_bytes: int) -> None:
    """Raise `UnreadableFile` for an archive that is too large, or has entries that none may have."""
    unpacked = sum(info.file_size for info in infos)
    if len([info for info in infos if not is_folder(info)]) > max_files:
        raise UnreadableFile(f"it has more than {max_files:,} files")
    if unpacked > max_bytes:
        raise UnreadableFile(f"its files have more than {max_bytes:,} bytes")
    if unpacked > max(_BOMB_BYTES, _BOMB_RATIO * packed) or sum(info.compress_size for info in infos) > packed:
        raise UnreadableFile(f"its {packed:,} bytes would become {unpacked:,}, as only a bomb's do")
    for info in infos:
        path = _path_of(info)
        if path.startswith("/") or path[1:2] == ":" or "\0" in path or ".." in path.split("/"):
            raise UnreadableFile(f"its path {path[:100]!r} leaves it")
        if info.flag_bits & ENCRYPTED:
            raise UnreadableFile("it is encrypted")
        if info.compress_type not in METHODS:
            raise UnreadableFile("it is compressed in an unusual way; use deflate")


def _path_of(info: zipfile.ZipInfo) -> str:
    """Return an entry's path. Some programs write UTF-8 without saying it, and backslashes."""
    name = info.orig_filename
    if not info.flag_bits & _UTF_8_NAME:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/")


def _file_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> TreeFile | None:
    return None if is_folder(info) else TreeFile(info.file_size, partial(_read_entry, archive, info))


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:  # in pieces: read at once, a false size would fill the memory
            return b"".join(iter(partial(file.read, _PIECE_BYTES), b""))
    except BROKEN as exc:
        raise UnreadableFile("it is damaged") from exc


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UnreadableFile(str(exc.strerror)) from exc
