"""The folder store on a disk that loses power: stored objects are kept, and replaced ones are whole."""

import asyncio
import random
from collections.abc import Iterator
from itertools import count

import pytest

from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import StoreUnavailable
from tests.chaos.cluster.disk import Disk, obstacle
from tests.fixtures.folders import server_folder
from tests.fixtures.gate import missing

pytestmark = pytest.mark.slow

CUTS = 20
WRITERS = 8
#: The new objects that are stored before the power is cut.
MAX_STORED = 60
SIGNER = LinkSigner(b"k" * 32, "http://127.0.0.1:8000")


@pytest.fixture
def disk() -> Iterator[Disk]:
    if (reason := obstacle()) is not None:
        missing("a disk that loses its power", reason)
    with server_folder("store") as folder, Disk(folder, folder / "mounted", megabytes=64) as disk:
        yield disk


def content(key: str, version: int, rng: random.Random) -> bytes:
    return f"{key} {version}\n".encode() * rng.randint(1, 2000)


async def test_objects_outlive_power_cuts(disk: Disk) -> None:
    rng = random.Random(153)
    numbers = count()
    stored: dict[str, bytes] = {}
    for _ in range(CUTS):
        await put_until_the_power_is_cut(disk, rng, numbers, stored)
        store = LocalStore(disk.folder / "objects", SIGNER)
        lost = [key for key, data in stored.items() if await store.get(key) != data]
        assert lost == []
        await store.close()


async def put_until_the_power_is_cut(
    disk: Disk, rng: random.Random, numbers: Iterator[int], stored: dict[str, bytes]
) -> None:
    """Add the objects to `stored` that the store has promised to keep."""
    store = LocalStore(disk.folder / "objects", SIGNER)
    left = rng.randint(1, MAX_STORED)

    async def put_new() -> None:
        nonlocal left
        while left > 0:
            key = f"sources/2026-11-29/{next(numbers)}.py"
            data = content(key, 0, rng)
            await store.put(key, data)
            stored[key] = data
            left -= 1
        disk.cut_power()  # while others write

    writers = [asyncio.create_task(put_new()) for _ in range(WRITERS)]
    results = await asyncio.gather(*writers, return_exceptions=True)
    assert all(result is None or isinstance(result, (StoreUnavailable, OSError)) for result in results)
    await store.close()
    disk.repower()


async def test_a_power_cut_keeps_the_old_object_or_the_new_one(disk: Disk) -> None:
    rng = random.Random(153)
    keys = [f"{number}.py" for number in range(WRITERS)]
    for version in range(CUTS):
        store = LocalStore(disk.folder / "objects", SIGNER)
        old, new = ({key: content(key, one, rng) for key in keys} for one in (2 * version, 2 * version + 1))
        for key in keys:
            await store.put(key, old[key])
        replacing = {key: asyncio.create_task(store.put(key, new[key])) for key in keys}
        await asyncio.wait(replacing.values(), return_when=asyncio.FIRST_COMPLETED)
        replaced = {key for key, task in replacing.items() if task.done()}
        disk.cut_power()
        await asyncio.gather(*replacing.values(), return_exceptions=True)
        await store.close()
        disk.repower()
        store = LocalStore(disk.folder / "objects", SIGNER)
        for key in keys:
            assert await store.get(key) in ({new[key]} if key in replaced else {old[key], new[key]})
        await store.close()
