"""`CachedFor` keeps what was read for some seconds, and no error."""

import asyncio

import pytest

from api_service.cached import CachedFor


class Source:
    """Counts how often it is read. `answer` is set once it may answer, and it fails while `fails`."""

    def __init__(self) -> None:
        self.reads = 0
        self.fails = False
        self.begun = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()

    async def read(self) -> int:
        self.reads += 1
        number, fails = self.reads, self.fails
        self.begun.set()
        await self.answer.wait()
        if fails:
            raise OSError("it is away")
        return number


async def test_it_is_read_again_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now, source = 100.0, Source()
    monkeypatch.setattr("api_service.cached.time.monotonic", lambda: now)
    value = CachedFor(5, source.read)
    assert [await value.get() for _ in range(3)] == [1, 1, 1]
    now += 2
    assert await value.get() == 1
    assert await value.get(1) == await value.get(1) == 2
    now += 5.1
    assert await value.get() == 3


async def test_an_error_is_not_kept() -> None:
    source = Source()
    value = CachedFor(60, source.read)
    source.fails = True
    for _ in range(2):
        with pytest.raises(OSError, match="it is away"):
            await value.get()
    source.fails = False
    assert await value.get() == await value.get() == 3


async def test_requests_of_one_time_share_a_read() -> None:
    source = Source()
    source.answer.clear()
    value = CachedFor(60, source.read)
    gone, *others = [asyncio.create_task(value.get()) for _ in range(3)]
    await source.begun.wait()
    gone.cancel()
    await asyncio.wait([gone])
    source.answer.set()
    assert await asyncio.gather(*others) == [1, 1]
    assert gone.cancelled()


async def test_a_read_that_was_cancelled_is_begun_anew() -> None:
    """A server that stops cancels its tasks in any order."""
    source = Source()
    source.answer.clear()
    value = CachedFor(60, source.read)
    waiting = asyncio.create_task(value.get())
    await source.begun.wait()
    assert value._reading
    value._reading.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    source.answer.set()
    assert await value.get() == 2
