"""Every object store keeps the promises of `shared.adapters.storage.base.ObjectStore`."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.storage import local
from shared.adapters.storage.base import ObjectStore
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.s3 import S3Store
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import ObjectNotFound
from tests.fixtures.s3 import S3Service


@pytest.fixture(params=["local", "s3"])
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalStore(tmp_path / "objects", LinkSigner(b"k" * 32, "http://127.0.0.1:8000"))
    s3: S3Service = request.getfixturevalue("s3")
    return S3Store(request.getfixturevalue("s3_bucket"), s3.endpoint_url)


@pytest.fixture
async def store(adapter: ObjectStore) -> AsyncIterator[ObjectStore]:
    yield adapter
    await adapter.close()


@pytest.mark.parametrize(
    "data",
    [b"", b"print('hi')", "سلام 🎉".encode(), bytes(range(256)) * 40_960],
    ids=["empty", "text", "utf8", "10MiB"],
)
async def test_an_object_is_returned_byte_for_byte(store: ObjectStore, data: bytes) -> None:
    await store.put("12.py", data, content_type="text/x-python")
    assert await store.get("12.py") == data
    for _ in range(2):  # the second replaces the first
        file = io.BytesIO(data)
        file.seek(1)
        await store.put("13.py", file)
        assert await store.get("13.py") == data


async def test_a_part_is_read_by_offset_and_length(store: ObjectStore) -> None:
    await store.put("parts/1.txt", b"0123456789")
    parts = [await store.read("parts/1.txt", start, 4) for start in (0, 4, 8, 10, 100)]
    assert parts == [b"0123", b"4567", b"89", b"", b""]
    await store.put("parts/2.txt", b"")
    assert await store.read("parts/2.txt", 0, 4) == b""
    with pytest.raises(ObjectNotFound):
        await store.read("parts/3.txt", 0, 4)


async def test_the_size_of_an_object_is_its_bytes(store: ObjectStore) -> None:
    for data in (b"", "سلام".encode()):
        await store.put("sizes/1.txt", data)
        assert await store.size("sizes/1.txt") == len(data)
    with pytest.raises(ObjectNotFound):
        await store.size("sizes/2.txt")


async def test_a_key_never_put_is_not_found(store: ObjectStore) -> None:
    await store.put("12.py", b"")
    await store.put("folder/12.txt", b"")
    for key in ("13.py", "12.py.bak", "results/12.py", "12.py/more", "folder"):
        with pytest.raises(ObjectNotFound, match=r"holds no object"):
            await store.get(key)


async def test_deleting_an_object_twice_is_fine(store: ObjectStore) -> None:
    await store.put("12.py", b"x")
    await store.delete("12.py")
    await store.delete("12.py")
    await store.delete("never/was.py")
    with pytest.raises(ObjectNotFound):
        await store.get("12.py")


async def test_a_prefix_is_deleted_and_nothing_else(store: ObjectStore) -> None:
    for key in ("results/12-1-a.txt", "results/12-2-b.txt", "results/120-1-a.txt", "results/1.txt", "12-1.py"):
        await store.put(key, b"x")
    await store.delete_prefix("results/12-")
    await store.delete_prefix("results/12-")
    await store.delete_prefix("never/12-")
    for key in ("results/12-1-a.txt", "results/12-2-b.txt"):
        with pytest.raises(ObjectNotFound):
            await store.get(key)
    for key in ("results/120-1-a.txt", "results/1.txt", "12-1.py"):
        assert await store.get(key) == b"x"


async def test_a_folder_is_listed_without_its_folders(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_NAMES_AT_ONCE", 100)  # as in the stand-in for S3
    keys = {f"sources/2026-01-31/{number}.py" for number in range(105)}
    for key in ("sources/2026-01-30/1.py", "sources/2026-01-31/more/1.py", "sources/2026-01-311/1.py", "1.py"):
        await store.put(key, b"x")
    await asyncio.gather(*(store.put(key, b"x") for key in keys))
    pages = [page async for page in store.keys("sources/2026-01-31")]
    assert {key for page in pages for key in page} == keys
    assert max(map(len, pages)) <= 1000
    assert [key async for page in store.keys("sources/2026-02-01") for key in page] == []


async def test_a_malformed_key_is_refused_before_the_store_is_used(store: ObjectStore) -> None:
    for key in (
        "", "/etc/passwd", "../secret-key", "a/../../b", "a//b", "a/", ".hidden", "a\0b", "a\nb", "~", "ü", "a" * 300
    ):  # fmt: skip
        for use in (
            store.put(key, b"x"),
            store.get(key),
            store.link(key),
            store.delete(key),
            store.delete_prefix(key),
        ):
            with pytest.raises(ValueError, match="not an object key"):
                await use


async def test_readers_during_a_write_see_a_whole_object(store: ObjectStore) -> None:
    versions = [bytes([number]) * 200_000 for number in (1, 2)]
    await store.put("12.txt", versions[0])

    async def write() -> None:
        for number in range(10):
            await store.put("12.txt", versions[number % 2])

    async def read() -> None:
        for _ in range(20):
            assert await store.get("12.txt") in versions

    await asyncio.gather(write(), read(), read())


async def test_a_link_names_the_object_and_carries_a_signature(store: ObjectStore) -> None:
    await store.put("results/12.txt", b"x")
    link = await store.link("results/12.txt")
    assert "/results/12.txt?" in link
    assert "ignature=" in link
