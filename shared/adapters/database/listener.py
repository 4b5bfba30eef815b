"""Listens on all channels of a process over one connection.

One is enough, because Postgres wakes every listening connection of a database at each notification of any channel.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import asyncpg

from shared.common.service.background import wait_any
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy

log = get_logger(__name__)

_POLICY: Final = RetryPolicy(base=0.2, cap=5)

_Note = Callable[[str], None]


class Listener:
    """Keeps a connection while there are listeners. `connect` returns a new one."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._notes: dict[str, list[_Note]] = {}
        #: The channels that the connection listens on.
        self._heard: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def listen(self, channel: str, note: Callable[[str], None]) -> AsyncIterator[None]:
        """Call `note` with the payload of each notification, and with "" when one may have been missed."""
        self._notes.setdefault(channel, []).append(note)
        if channel in self._heard:
            note("")
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._keep_listening())
        try:
            yield
        finally:
            self._notes[channel].remove(note)
            if not self._notes[channel]:
                del self._notes[channel]
            self._changed.set()
            if not self._notes:
                await self._stop()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _keep_listening(self) -> None:
        attempt = 0
        while True:
            try:
                connection = await self._connect()
                try:
                    attempt = 0
                    await self._serve(connection)
                finally:
                    self._heard.clear()
                    connection.terminate()
            except Exception as exc:
                # Any error is caught, because no notification arrives without this task.
                log.warning("database.not_listening", error=str(exc) or type(exc).__name__)
            attempt += 1
            await asyncio.sleep(_POLICY.delay(attempt))

    async def _serve(self, connection: asyncpg.Connection) -> None:
        """Listen on the channels of all listeners, until the connection is lost."""
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        while not lost.is_set():
            self._changed.clear()
            for channel in self._heard - self._notes.keys():
                self._heard.discard(channel)
                await connection.remove_listener(channel, self._pass_on)
            for channel in self._notes.keys() - self._heard:
                await connection.add_listener(channel, self._pass_on)
                self._heard.add(channel)
                self._note(channel, "")
            await wait_any(lost, self._changed)

    def _pass_on(self, _: object, __: int, channel: str, payload: object) -> None:
        self._note(channel, str(payload))

    def _note(self, channel: str, payload: str) -> None:
        for note in tuple(self._notes.get(channel, ())):
            note(payload)
