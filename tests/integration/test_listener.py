"""The one connection on which a process listens: its channels, and what happens when it is lost."""

import asyncio
from contextlib import AsyncExitStack

from shared.adapters.database.connection import Database

_LISTENING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^(UN)?LISTEN'"


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.connection() as connection:
        await connection.execute("SELECT pg_notify(:channel, :payload)", {"channel": channel, "payload": payload})


async def listening(database: Database) -> list[int]:
    async with database.connection() as connection:
        return [row["pid"] for row in await connection.fetch_all(_LISTENING)]


class Heard:
    """The payloads of one channel."""

    def __init__(self) -> None:
        self._payloads: asyncio.Queue[str] = asyncio.Queue()

    def note(self, payload: str) -> None:
        self._payloads.put_nowait(payload)

    async def next(self) -> str:
        async with asyncio.timeout(20):
            return await self._payloads.get()


async def test_channels_share_one_connection(database: Database) -> None:
    one, two = Heard(), Heard()
    async with database.listen("one", one.note), database.listen("two", two.note):
        assert [await one.next(), await two.next()] == ["", ""]
        assert len(await listening(database)) == 1
        await notify(database, "two", "for two")
        assert await two.next() == "for two"
        await notify(database, "one", "for one")
        assert await one.next() == "for one"


async def test_two_may_listen_on_one_channel(database: Database) -> None:
    first, second = Heard(), Heard()
    async with database.listen("one", first.note):
        assert await first.next() == ""
        async with database.listen("one", second.note):
            assert await second.next() == ""
            await notify(database, "one", "for both")
            assert [await first.next(), await second.next()] == ["for both", "for both"]
        await notify(database, "one", "for the first")
        assert await first.next() == "for the first"


async def test_a_lost_connection_is_replaced_and_reported(database: Database) -> None:
    heard = [Heard(), Heard()]
    async with AsyncExitStack() as stack:
        events = [
            await stack.enter_async_context(database.listen(channel, one.note))
            for channel, one in zip(("one", "two"), heard, strict=True)
        ]
        assert [await one.next() for one in heard] == ["", ""]
        for event in events:
            event.clear()
        async with database.connection() as connection:
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_LISTENING}) AS gone")
        assert [await one.next() for one in heard] == ["", ""]
        assert all(event.is_set() for event in events)
        await notify(database, "two", "heard again")
        assert await heard[1].next() == "heard again"


async def test_a_channel_can_be_left_and_joined_again(database: Database) -> None:
    stays, returns = Heard(), Heard()
    async with database.listen("stays", stays.note):
        assert await stays.next() == ""
        for _ in range(2):
            async with database.listen("returns", returns.note):
                assert await returns.next() == ""
                await notify(database, "returns", "heard")
                assert await returns.next() == "heard"
        await notify(database, "stays", "heard")
        assert await stays.next() == "heard"
