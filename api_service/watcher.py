"""Wakes the streams and waits of this process when a submission or a batch changes. None of them polls.

One connection listens for all of them, so a change costs one notification however many clients wait.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared import channels
from shared.database.connection import Database

#: Notified after a new connection: changes may have been missed.
_ANYTHING: Final = ""


class _Watched:
    """The events of the clients that wait, by the id that they wait for."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

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
    """Listens for changes while `run` runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._submissions = _Watched()
        self._batches = _Watched()
        #: Counts the changes of submissions. While it stays the same, the queue does too.
        self.changes = 0
        #: True once the service stops: streams and waits end then.
        self.is_stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        async with (
            self._database.listen(channels.SUBMISSIONS, self._notify),
            self._database.listen(channels.BATCHES, self._batches.notify),
        ):
            await stop.wait()
        self.is_stopping = True
        self._submissions.notify(_ANYTHING)
        self._batches.notify(_ANYTHING)

    @contextmanager
    def watch(self, upload_id: int, changed: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """Yield an event that each change of the submission sets, and each new connection. The caller clears it.

        It is `changed`, if that is given. Begin to watch before you read the state. Otherwise a change between the two
        is missed.
        """
        with self._submissions.watch(upload_id, changed) as changed:
            yield changed

    @contextmanager
    def watch_batch(self, batch_id: int, changed: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """Yield an event that each change of the batch sets, and each new connection, as `watch` does."""
        with self._batches.watch(batch_id, changed) as changed:
            yield changed

    def _notify(self, payload: str) -> None:
        self.changes += 1
        self._submissions.notify(payload)
