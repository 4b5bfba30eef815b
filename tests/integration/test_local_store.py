"""The folder store on hostile and full folders."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import ObjectNotFound, StoreUnavailable

SIGNER = LinkSigner(b"k" * 32, "http://127.0.0.1:8000")


async def test_a_full_disk_leaves_the_old_object_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path, SIGNER)
    await store.put("results/1.txt", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for name in ("1.txt", "2.txt"):
            with pytest.raises(StoreUnavailable, match="No space left"):
                await store.put(f"results/{name}", b"new")
    assert await store.get("results/1.txt") == b"old"
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["1.txt"]
    await store.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the calls that concern the disk and names, in their order. They are still carried out."""
    calls: list[str] = []

    def record(name: str) -> None:
        call = getattr(os, name)

        def recorded(*args: Any, **kwargs: Any) -> None:
            call(*args, **kwargs)
            calls.append(name)

        monkeypatch.setattr(os, name, recorded)

    for name in ("fsync", "link", "rename"):
        record(name)
    return calls


async def test_a_new_object_has_its_name_before_the_first_wait(tmp_path: Path, calls: list[str]) -> None:
    store = LocalStore(tmp_path, SIGNER)
    await store.put("1.txt", b"new")
    assert calls == ["link", "fsync", "fsync"]
    assert os.listdir(tmp_path) == ["1.txt"]
    await store.close()


async def test_an_old_object_is_replaced_by_what_is_on_the_disk(tmp_path: Path, calls: list[str]) -> None:
    store = LocalStore(tmp_path, SIGNER)
    await store.put("1.txt", b"old")
    calls.clear()
    await store.put("1.txt", b"new")
    assert calls == ["fsync", "rename", "fsync"]
    assert await store.get("1.txt") == b"new"
    await store.close()


@pytest.mark.parametrize("missing", ["hard links", "files without a name"])
async def test_objects_are_stored_where_the_file_system_can_less(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    as_usual = os.open

    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def no_unnamed(path: str, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return as_usual(path, flags, *args, **kwargs)

    store = LocalStore(tmp_path, SIGNER)
    monkeypatch.setattr(os, *("link", no_links) if missing == "hard links" else ("open", no_unnamed))
    await store.put("1.txt", b"new")
    assert calls == ["fsync", "rename", "fsync"]
    assert (os.listdir(tmp_path), await store.get("1.txt")) == (["1.txt"], b"new")
    await store.close()


def test_a_killed_writer_of_a_new_object_leaves_no_draft(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from shared.common.files.atomic_write import write_durably
folder = os.open(sys.argv[1], os.O_RDONLY)
write = os.write
os.write = lambda file, data: (write(file, data[:1]), os.kill(os.getpid(), signal.SIGKILL))
write_durably(folder, "1.txt", b"new")
"""
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == []


async def test_a_failed_write_keeps_what_another_writer_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path, SIGNER)

    def replaced_meanwhile(_: int) -> None:
        (tmp_path / "other").write_bytes(b"of another writer")
        (tmp_path / "other").replace(tmp_path / "1.txt")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", replaced_meanwhile)
        with pytest.raises(StoreUnavailable):
            await store.put("1.txt", b"new")
    assert await store.get("1.txt") == b"of another writer"
    assert os.listdir(tmp_path) == ["1.txt"]
    await store.close()


async def test_a_planted_symlink_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    folder = tmp_path / "objects"
    store = LocalStore(folder, SIGNER)
    (folder / "file").symlink_to(outside / "secret")
    (folder / "way").symlink_to(outside, target_is_directory=True)

    for key in ("file", "way/secret"):
        with pytest.raises((StoreUnavailable, ObjectNotFound)):
            await store.get(key)
    with pytest.raises(StoreUnavailable):
        await store.put("way/new", b"x")
    await store.put("file", b"replaces the link, not what it leads to")
    assert (outside / "secret").read_bytes() == b"secret"
    assert [path.name for path in outside.iterdir()] == ["secret"]
    await store.close()


async def test_only_the_owner_may_read_objects(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "objects", SIGNER)
    await store.put("results/1.txt", b"x")
    modes = [(tmp_path / "objects" / path).stat().st_mode & 0o777 for path in (".", "results", "results/1.txt")]
    assert modes == [0o700, 0o700, 0o600]
    await store.close()


async def test_a_link_works_for_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.5)
    store = LocalStore(tmp_path, SIGNER)
    assert await store.link("1.txt") == SIGNER.link("1.txt", expires=1_000 + 7 * 86_400)
    await store.close()
