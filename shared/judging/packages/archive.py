"""Reads the zip of a problem package, one entry at a time, and trusts nothing that it says of itself."""

import copy
import hashlib
import posixpath
import stat
import zipfile
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, islice, pairwise, takewhile
from typing import BinaryIO, Final

from shared.common.files.archives import BROKEN, ENCRYPTED, ENTRY_MARK, METHODS, is_folder
from shared.judging.packages.faults import FaultList, PackageError
from shared.judging.packages.model import ArchiveFile, PackageBounds

#: Entries for each file that an archive may have: there may be folders too, but each entry costs memory.
_ENTRIES_PER_FILE: Final = 4
#: Bytes of an entry before its name and its contents.
_HEADER_BYTES: Final = 30
_PIECE_BYTES: Final = 1 << 18
#: An archive of more than these bytes, which are this many times those of the zip, is a bomb.
_BOMB_BYTES: Final = 64 << 20
_BOMB_RATIO: Final = 500
_MAX_PATH: Final = 1024
_DEEPEST: Final = 32
_PATHS_CHARACTERS: Final = 1 << 20
#: All of the files that must be parsed, since that takes time.
_DESCRIPTION_BYTES: Final = 4 << 20
_LINK_BYTES: Final = 4096
_MAX_LINKS: Final = 8

#: The files that decide the format, in their order.
MARKERS: Final = ("problem.xml", "problem.yaml", "domjudge-problem.ini")


class PackageArchive:
    """The files of a package, by their paths in its folder. `folder` is that folder's name, "" if there is none.

    Raises `PackageError` if the archive cannot be used. Each entry has then been read once.
    """

    def __init__(self, file: BinaryIO, bounds: PackageBounds, faults: FaultList) -> None:
        self._faults = faults
        self._bounds = bounds
        self._free = bounds.bytes
        self._unread = _DESCRIPTION_BYTES
        try:
            if _count_marks(file) > bounds.files * _ENTRIES_PER_FILE:
                raise faults.fail("", f"The archive has too many entries; it may have {bounds.files} files.")
            self._zip = zipfile.ZipFile(file)
            entries = self._entries()
            faults.check()
            packed = file.seek(0, 2)
        except PackageError:
            raise
        except BROKEN:
            raise faults.fail("", "The archive cannot be read; send a zip that is not damaged.") from None
        files = {path: self._scan(path, entry) for path, entry in entries.items() if not _is_link(entry)}
        files |= self._links({path: entry for path, entry in entries.items() if _is_link(entry)}, files)
        unpacked = bounds.bytes - self._free
        if unpacked > max(_BOMB_BYTES, _BOMB_RATIO * packed):
            faults.add("", f"The archive's {packed} bytes would become {unpacked}, as only a bomb's do.")
        faults.check()
        self.folder = _only_folder(files)
        beginning = f"{self.folder}/" if self.folder else ""
        self._folders = self._folder_entries(beginning)
        self._take({path.removeprefix(beginning): file for path, file in files.items() if path.startswith(beginning)})

    def read(self, path: str, max_bytes: int) -> bytes | None:
        """Return the contents of a file that describes the package; None if they are too long, which is a fault."""
        size = self.files[path].size_bytes
        if size > max_bytes:
            self._faults.add(path, f"The file has {size} bytes; it may have {max_bytes}.")
            return None
        self.spend(path, size)
        return self.beginning(path, max_bytes)

    def spend(self, path: str, size: int) -> None:
        """Count bytes that are parsed. Raises `PackageError` when there are too many."""
        self._unread -= size
        if self._unread < 0:
            raise self._faults.fail(path, f"The files that describe the package have over {_DESCRIPTION_BYTES} bytes.")

    def beginning(self, path: str, max_bytes: int) -> bytes:
        """Return the first bytes of a file."""
        with self._zip.open(self.files[path].entry) as opened:
            return opened.read(max_bytes)

    def check_test_file(self, path: str) -> None:
        """Note a test's file that is too long, or has carriage returns, as files made on Windows do."""
        file, max_bytes = self.files[path], self._bounds.test_bytes
        if file.size_bytes > max_bytes:
            self._faults.add(path, f"The file has {file.size_bytes} bytes; it may have {max_bytes}.")
        if file.has_cr:
            self._faults.warn(path, "The file has carriage returns.")

    def below(self, folder: str) -> dict[str, str]:
        """Return the paths of the files in a folder and its folders, by their paths in that folder."""
        beginning = f"{folder}/"
        start = bisect_left(self._sorted, beginning)
        paths = takewhile(lambda path: path.startswith(beginning), islice(self._sorted, start, None))
        return {path.removeprefix(beginning): path for path in paths}

    def children(self, folder: str) -> list[str]:
        """Return the names of the files and the folders in a folder, in their order."""
        return sorted(self._children.get(folder, ()))

    def keep(self, is_kept: Callable[[str], bool]) -> None:
        """Take the other files and folders away, as if they were not in the package."""
        self._folders = [folder for folder in self._folders if is_kept(folder)]
        self._take({path: file for path, file in self.files.items() if is_kept(path)})

    def is_folder(self, path: str) -> bool:
        return path in self._children

    def _take(self, files: dict[str, ArchiveFile]) -> None:
        self.files, self._sorted = files, sorted(files)
        self._children: dict[str, set[str]] = {"": set()}
        for path in (*files, *(f"{folder}/" for folder in self._folders)):
            self._index(path)

    def _index(self, path: str) -> None:
        """Note that a path is in its folder, and each folder in its own."""
        folder = ""
        for name in path.split("/"):
            names = self._children.setdefault(folder, set())
            if name:
                names.add(name)
            folder = _join(folder, name)

    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        """Return the entries of files, by path. What may not be there is a fault."""
        infos = self._zip.infolist()
        ordered = sorted(infos, key=lambda info: info.header_offset)
        if any(
            before.header_offset + _HEADER_BYTES + len(before.orig_filename) + before.compress_size
            > after.header_offset
            for before, after in pairwise(ordered)
        ):
            self._faults.add("", "The archive's entries overlap.")
        entries: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            path, shown = posixpath.normpath(info.orig_filename), info.orig_filename[:200]
            fault = "The path is there twice." if path in entries else _fault_of(info)
            if fault:
                self._faults.add(shown, fault)
            elif not is_folder(info):
                entries[path] = info
        if sum(map(len, entries)) > _PATHS_CHARACTERS:
            self._faults.add("", f"The paths of the archive have over {_PATHS_CHARACTERS} characters together.")
        if len(entries) > self._bounds.files:
            self._faults.add("", f"The archive has more than {self._bounds.files} files.")
        for path in entries:
            for folder in accumulate(path.split("/")[:-1], _join):
                if folder in entries:
                    self._faults.add(folder, "The path is the folder of another file.")
        for folder in self._folder_entries(""):
            if folder in entries:
                self._faults.add(folder, "The path is that of a folder, too.")
        return entries

    def _folder_entries(self, beginning: str) -> list[str]:
        """Return the paths of the folders that have an entry of their own; some of them are empty."""
        paths = (posixpath.normpath(info.orig_filename) for info in self._zip.infolist() if is_folder(info))
        return [path.removeprefix(beginning) for path in paths if path.startswith(beginning) and path != "."]

    def _scan(self, path: str, entry: zipfile.ZipInfo) -> ArchiveFile:
        """Return what is true of an entry. All of its bytes are read, and counted. A false size is a fault."""
        digest, size, has_cr = hashlib.sha256(), 0, False
        whole = copy.copy(entry)
        # Else reading would stop at the size that the archive's index says.
        whole.file_size = self._bounds.bytes + 1
        try:
            with self._zip.open(whole) as opened:
                while piece := opened.read(_PIECE_BYTES):
                    size += len(piece)
                    self._count(len(piece))
                    digest.update(piece)
                    has_cr = has_cr or b"\r" in piece
        except PackageError:
            raise
        except BROKEN:
            raise self._faults.fail(path, "The file cannot be unpacked; the archive is damaged.") from None
        if size != entry.file_size:
            self._faults.add(path, f"The file has {size} bytes, and the archive says {entry.file_size}.")
        return ArchiveFile(entry.filename, size, digest.hexdigest(), has_cr)

    def _count(self, size: int) -> None:
        self._free -= size
        if self._free < 0:
            raise self._faults.fail("", f"The archive's files have more than {self._bounds.bytes} bytes.")

    def _links(self, links: dict[str, zipfile.ZipInfo], files: dict[str, ArchiveFile]) -> dict[str, ArchiveFile]:
        """Return the links as copies of the files that they lead to. Others are faults."""
        targets: dict[str, str] = {}
        for path, entry in links.items():
            if self._scan(path, entry).size_bytes <= _LINK_BYTES:
                target = self._zip.read(entry).decode(errors="replace")
                targets[path] = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        copies: dict[str, ArchiveFile] = {}
        for path in links:
            target = path
            for _ in range(_MAX_LINKS):
                target = targets.get(target, target)
            if target in files:
                copies[path] = files[target]
                self._count(files[target].size_bytes)
            else:
                self._faults.add(path, "The link does not lead to a file of the package.")
        return copies


def _count_marks(file: BinaryIO) -> int:
    """Return at least the number of entries, without reading the archive's own index."""
    marks, end = 0, b""
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        marks += (end + piece).count(ENTRY_MARK)
        end = piece[1 - len(ENTRY_MARK) :]
    file.seek(0)
    return marks


def _fault_of(info: zipfile.ZipInfo) -> str | None:
    """Return a sentence on why no package may have this entry, or None if one may."""
    # `filename` ends at a NUL, `orig_filename` does not.
    path, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if "\0" in path:
        return "The path has a NUL."
    if path.startswith("/"):
        return "The path is absolute; it must be relative to the package."
    if not path or ".." in path.split("/"):
        return "The path is empty or has `..`."
    if len(path) > _MAX_PATH or path.count("/") > _DEEPEST:
        return f"The path has over {_MAX_PATH} characters or {_DEEPEST} folders."
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        return "It is a special file."
    if info.flag_bits & ENCRYPTED:
        return "It is encrypted; send the archive without a password."
    if info.compress_type not in METHODS:
        return "It is compressed by an unusual method; use deflate."
    return None


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_IFMT(info.external_attr >> 16) == stat.S_IFLNK


def _only_folder(files: dict[str, ArchiveFile]) -> str:
    """Return the folder that holds the package; "" if its files are at the top."""
    if any(marker in files for marker in MARKERS):
        return ""
    tops = {path.split("/")[0] for path in files if not path.startswith((".", "__MACOSX/"))}
    return tops.pop() if len(tops) == 1 and not tops <= files.keys() else ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
