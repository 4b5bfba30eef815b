"""Our archives are the same for the same files, and no client's archive can do harm."""

import io
import stat
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from shared.common.files.archives import ArchiveError, pack, unpack, unpack_foreign

FILES = {"src/main.py": b"print(1)\n", "b.txt": b"", "a/b/\u0633.bin": bytes(range(256))}


def foreign(data: bytes, max_files: int = 4, max_bytes: int = 1000) -> dict[str, bytes]:
    return unpack_foreign(data, max_files=max_files, max_bytes=max_bytes)


def zipped(*entries: tuple[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo("x")
            entry.filename = name  # as it is: the constructor normalizes
            entry.external_attr = mode << 16
            archive.writestr(entry, data, method)
    return packed.getvalue()


def with_flag(data: bytes, flag: int) -> bytes:
    """Return the archive with a flag set in every entry of its central directory."""
    changed = bytearray(data)
    position = changed.find(b"PK\x01\x02")
    while position >= 0:
        changed[position + 8 : position + 10] = struct.pack("<H", flag)
        position = changed.find(b"PK\x01\x02", position + 1)
    return bytes(changed)


def test_the_same_files_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = pack(FILES)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert pack(FILES) == first
    assert list(unpack(first).items()) == list(FILES.items())
    assert foreign(first) == FILES


def test_folders_are_skipped_and_files_keep_their_order() -> None:
    data = zipped(("b/", b""), ("z.py", b"1"), ("b/c/", b""), ("b/a.py", b"2"))
    assert list(foreign(data, max_files=2).items()) == [("z.py", b"1"), ("b/a.py", b"2")]
    # Some programs mark a folder by its mode only.
    with pytest.raises(ArchiveError, match="no file"):
        foreign(zipped(("d", b""), mode=stat.S_IFDIR | 0o755))


def test_stored_entries_are_read() -> None:
    assert foreign(zipped(("a", b"x"), method=zipfile.ZIP_STORED)) == {"a": b"x"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"PK\x05\x06", "cannot be read"),
        (zipped(), "no file"),
        (zipped(("a/", b"")), "no file"),
        (zipped(("a", b"1"))[:-30], "cannot be read"),
        (zipped(("a", b"1"), mode=stat.S_IFLNK | 0o777), "a link"),
        (zipped(("a/", b"1"), mode=stat.S_IFLNK | 0o777), "empty segment"),
        (zipped(("a", b""), mode=stat.S_IFIFO | 0o644), "special"),
        (with_flag(zipped(("a", b"1")), 0x1), "encrypted"),
        (with_flag(zipped(("a", b"1")), 0x2000), "encrypted"),
        (zipped(("../a", b"1")), "`..`"),
        (zipped(("a\0b", b"1")), "control"),
        (zipped(("a", b"1"), ("a/b", b"2")), "folder of another"),
        (zipped(("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4"), ("e", b"5")), "more than 4 files"),
        (zipped(("a", b"1" * 1001)), "more than 1000 bytes"),
        (zipped(("a", b"1" * 600), ("b", b"2" * 401)), "more than 1000 bytes"),
        (zipped(("a", b"1"), method=zipfile.ZIP_BZIP2), "unusual method"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_archive_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        foreign(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_path_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ArchiveError, match="twice"):
        foreign(zipped(("a", b"1"), ("a", b"2")))


def test_a_bomb_costs_no_memory() -> None:
    bomb = zipped(("a", bytes(50 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveError, match="more than 100000 bytes"):
            foreign(bomb, max_bytes=100_000)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def smaller_size(data: bytes) -> bytes:
    """Let the central directory and the local header say that the file has 10 bytes."""
    changed = bytearray(data)
    central = changed.find(b"PK\x01\x02")
    changed[central + 24 : central + 28] = struct.pack("<I", 10)
    changed[22:26] = struct.pack("<I", 10)
    return bytes(changed)


def overlapping(data: bytes) -> bytes:
    """Let two entries of one name length have the data of the first."""
    changed = bytearray(data)
    first = changed.find(b"PK\x01\x02")
    second = changed.find(b"PK\x01\x02", first + 1)
    changed[second + 20 : second + 24] = struct.pack("<I", len(data))
    return bytes(changed)


@pytest.mark.parametrize(("spoil", "words"), [(smaller_size, "cannot be read"), (overlapping, "overlap")])
def test_the_sizes_in_an_archive_are_not_trusted(spoil: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(ArchiveError, match=words):
        foreign(spoil(zipped(("a", b"1" * 500), ("b", b"2"))))


def test_many_entries_are_not_even_listed() -> None:
    data = zipped(*((f"{number}/", b"") for number in range(65)))
    with pytest.raises(ArchiveError, match="too many entries"):
        foreign(data)


@pytest.mark.filterwarnings("ignore:Overlapped entries")
def test_every_damage_is_an_archive_error() -> None:
    data = pack({"main.py": b"print(1)\n" * 20, "b/c.txt": b"x"})
    refused = 0
    for position in range(len(data)):
        for value in (0x00, 0xFF, data[position] ^ 0x01):
            changed = data[:position] + bytes([value]) + data[position + 1 :]
            try:
                foreign(changed)
            except ArchiveError:
                refused += 1
    assert refused > len(data)
