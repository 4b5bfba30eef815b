"""Wakes the streams and waits of this process when a submission, a batch or a key changes. None of them polls.

One connection listens for all of them, so a change costs one notification however many clients wait. While none waits,
nothing listens: else each change of a submission would wake a process of the database and this one.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared import channels
from shared.database.connection import Database
from shared.lifecycle import wait_any

#: Seconds between two checks. If no client has waited since the one before, listening ends.
_LOOK_SECONDS: Final = 60.0
#: Notified after a new connection: changes may have been missed.
_ANYTHING: Final = ""


class _Watched:
    """The events of the clients that wait, by the id that they wait for."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    def __bool__(self) -> bool:
        """Return True while a client waits."""
        return bool(self._events)

    @contextmanager
    def watch(self, number: int, changed: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        key, changed = str(number), changed or asyncio.Event()
        self._events.setdefault(key, set()).add(changed)
        try:
            yield changed
        finally:
            self._events[key].discard(changed)
            if not self._events[key]:
                del self._events[key]

    def notify(self, payload: str) -> None:
        """Set the events of the id that the payload names, or all events."""
        chosen = self._events.values() if payload == _ANYTHING else [self._events.get(payload, set())]
        for events in chosen:
            for event in events:
                event.set()


class Watcher:
    """Listens for changes while `run` runs and a client waits, and for some time after that."""

    def __init__(self, database: Database, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._database = database
        self._look_seconds = look_seconds
        self._submissions = _Watched()
        self._batches = _Watched()
        #: Set when a client begins to wait.
        self._begun = asyncio.Event()
        #: Set when a key may have been revoked. Only open event streams need to know.
        self.key_revoked = asyncio.Event()
        #: Counts the changes of submissions. While it stays the same and a client waits, the queue does too.
        self.changes = 0
        #: True once the service stops: streams and waits end then.
        self.is_stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._is_wanted():
                await self._listen(stop)
            else:
                await wait_any(stop, self._begun)
        self.is_stopping = True
        self._submissions.notify(_ANYTHING)
        self._batches.notify(_ANYTHING)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Listen until no client has waited for a while. A new connection wakes all that wait already."""
        async with (
            self._database.listen(channels.SUBMISSIONS, self._notify),
            self._database.listen(channels.BATCHES, self._batches.notify),
            self._database.listen(channels.KEYS, lambda _: self.key_revoked.set()),
        ):
            while not stop.is_set() and self._is_wanted():
                self._begun.clear()
                await wait_any(stop, timeout=self._look_seconds)

    def _is_wanted(self) -> bool:
        """Return True if a client waits, or has begun to wait since the last look."""
        return bool(self._submissions or self._batches or self._begun.is_set())

    @contextmanager
    def watch(self, upload_id: int, changed: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """Yield an event that each change of the submission sets, and each new connection. The caller clears it.

        It is `changed`, if that is given. Begin to watch before you read the state. Otherwise a change between the two
        is missed.
        """
        with self._submissions.watch(upload_id, changed) as changed:
            self._begun.set()
            yield changed

    @contextmanager
    def watch_batch(self, batch_id: int, changed: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """Yield an event that each change of the batch sets, and each new connection, as `watch` does."""
        with self._batches.watch(batch_id, changed) as changed:
            self._begun.set()
            yield changed

    def _notify(self, payload: str) -> None:
        self.changes += 1
        self._submissions.notify(payload)
