"""Zip archives of several files, as we store them and as clients send them. Pure."""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from shared.common.text import source_paths

#: The oldest time that a zip can hold. The same files always give the same bytes.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_PIECE_BYTES: Final = 65536
#: Entries for each file that an archive may have: there may be folders too, but each entry costs memory.
_ENTRIES_PER_FILE: Final = 16
#: The beginning of an entry in the index of a zip.
ENTRY_MARK: Final = b"PK\x01\x02"
#: Encrypted, strongly encrypted, and encrypted headers (APPNOTE.TXT, section 4.4.4).
ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
#: Other methods unpack a piece at once, and it may be of any size.
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
#: What `zipfile` raises for damaged archives, and for features that it lacks.
BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class ArchiveError(ValueError):
    """A client's archive cannot be used. The text is a sentence that says why."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files, in their order. The same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _TIME)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive that `pack` made, in their order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def unpack_beginning(data: bytes, path: str, max_bytes: int) -> bytes:
    """Return the first `max_bytes` bytes of one file of an archive that `pack` made."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(path) as file:
        return file.read(max_bytes)


def unpack_foreign(data: bytes, *, max_files: int, max_bytes: int) -> dict[str, bytes]:
    """Return the files of a client's archive, in their order, without its folders.

    Raises `ArchiveError` if the archive is damaged, has more files or bytes than allowed, or has links, special files,
    encrypted entries or paths that no file of a program may have. What an archive says of its sizes is not trusted.
    """
    if data.count(ENTRY_MARK) > max_files * _ENTRIES_PER_FILE:
        raise ArchiveError(f"The archive has too many entries; it may have {max_files} files.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = list(_files(archive, max_files))
            if sum(entry.compress_size for entry in entries) > len(data):
                raise ArchiveError("The archive's entries overlap.")
            return _contents(archive, entries, max_bytes)
    except ArchiveError:
        raise
    except BROKEN:
        raise ArchiveError("The archive cannot be read; send a zip that is not damaged.") from None


def _files(archive: zipfile.ZipFile, max_files: int) -> Iterator[zipfile.ZipInfo]:
    """Yield the entries of files. Raises `ArchiveError` for each that may not be there."""
    entries = [entry for entry in archive.infolist() if not is_folder(entry)]
    if not entries:
        raise ArchiveError("The archive has no file.")
    if len(entries) > max_files:
        raise ArchiveError(f"The archive has more than {max_files} files.")
    # `filename` ends at a NUL, `orig_filename` does not.
    for position, fault in source_paths.faults_of([entry.orig_filename for entry in entries]):
        raise ArchiveError(f"{_shown(entries[position])}: {fault}")
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind == stat.S_IFLNK:
            raise ArchiveError(f"{_shown(entry)} is a link; send the file itself.")
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(f"{_shown(entry)} is a special file.")
        if entry.flag_bits & ENCRYPTED:
            raise ArchiveError(f"{_shown(entry)} is encrypted; send the archive without a password.")
        if entry.compress_type not in METHODS:
            raise ArchiveError(f"{_shown(entry)} is compressed by an unusual method; use deflate.")
        yield entry


def is_folder(entry: zipfile.ZipInfo) -> bool:
    """Return True if an entry is a folder, by its kind or by its name."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return kind == stat.S_IFDIR or (entry.orig_filename.endswith("/") and kind in (0, stat.S_IFREG))


def _contents(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], max_bytes: int) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    free = max_bytes
    for entry in entries:
        pieces: list[bytes] = []
        with archive.open(entry) as file:
            while piece := file.read(min(_PIECE_BYTES, free + 1)):
                free -= len(piece)
                if free < 0:
                    raise ArchiveError(f"The archive's files have more than {max_bytes} bytes.")
                pieces.append(piece)
        contents[entry.filename] = b"".join(pieces)
    return contents


def _shown(entry: zipfile.ZipInfo) -> str:
    """Return the entry's path, in a form that is safe to show."""
    return repr(entry.orig_filename[:100])
