"""Wakes the streams and waits of this process when a submission, a batch or a key changes. None of them polls.

One connection listens for all of them, so a change costs one notification however many clients wait. While none waits,
nothing listens: else each change of a submission would wake a process of the database and this one.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service.background import wait_any

#: Seconds between two checks. If no client has waited since the one before, listening ends.
_LOOK_SECONDS: Final = 60.0
#: The pieces of a program's output that a client may be behind. If it reads too slowly, the oldest are lost.
_MAX_WRITTEN: Final = 32


class Wake(asyncio.Event):
    """Set when a client that waits has something to do.

    `has_changed` is set too if it must read again what it waits for. The client clears both. `written` has what the
    program has written meanwhile, as streams and texts; it is None for clients that do not want that.
    """

    def __init__(self, *, wants_output: bool = False) -> None:
        super().__init__()
        self.has_changed = True
        self.written: deque[tuple[str, str]] | None = deque(maxlen=_MAX_WRITTEN) if wants_output else None


class Notifications:
    """Listens for changes while `run` runs and a client waits, and for some time after that."""

    def __init__(self, database: Database, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._database = database
        self._look_seconds = look_seconds
        #: The events of the clients that wait, by the channel and the id that they wait for.
        self._events: dict[tuple[str, str], set[Wake]] = {}
        #: Set when a client begins to wait.
        self._begun = asyncio.Event()
        #: Set when a key may have been revoked. Only open event streams need to know.
        self.key_revoked = asyncio.Event()
        #: True once the service stops: streams and waits end then.
        self.is_stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._is_wanted():
                await self._listen(stop)
            else:
                await wait_any(stop, self._begun)
        self.is_stopping = True
        for events in self._events.values():
            _set_all(events)

    async def _listen(self, stop: asyncio.Event) -> None:
        """Listen until no client has waited for a while. A new connection wakes all that wait already."""
        async with (
            self._database.listen(channels.SUBMISSIONS, partial(self._notify, channels.SUBMISSIONS)),
            self._database.listen(channels.BATCHES, partial(self._notify, channels.BATCHES)),
            self._database.listen(channels.LIVE_OUTPUT, self._pass_on),
            self._database.listen(channels.KEYS, lambda _: self.key_revoked.set()),
        ):
            while not stop.is_set() and self._is_wanted():
                self._begun.clear()
                await wait_any(stop, timeout=self._look_seconds)

    def _is_wanted(self) -> bool:
        """Return True if a client waits, or has begun to wait since the last look."""
        return bool(self._events or self._begun.is_set())

    @contextmanager
    def watch(self, number: int, *, channel: str = channels.SUBMISSIONS, wants_output: bool = False) -> Iterator[Wake]:
        """Yield an event that each change of the submission or batch sets, and each new connection.

        If the client `wants_output`, what the program writes sets it as well.
        The caller clears it. Begin to watch before you read the state. Otherwise a change between the two is missed.
        """
        key, changed = (channel, str(number)), Wake(wants_output=wants_output)
        self._events.setdefault(key, set()).add(changed)
        self._begun.set()
        try:
            yield changed
        finally:
            self._events[key].discard(changed)
            if not self._events[key]:
                del self._events[key]

    def _notify(self, channel: str, payload: str) -> None:
        """Wake those that wait for the id in the payload. It is empty after a new connection: any may have changed."""
        for key in [(channel, payload)] if payload else [key for key in self._events if key[0] == channel]:
            _set_all(self._events.get(key, set()))

    def _pass_on(self, payload: str) -> None:
        """Give the text in the payload to those that want the output of its submission."""
        if not payload:
            return
        submission, _, stream, text = payload.split(" ", 3)
        for event in self._events.get((channels.SUBMISSIONS, submission), ()):
            if event.written is not None:
                event.written.append((stream, text))
                event.set()


def _set_all(events: set[Wake]) -> None:
    for event in events:
        event.has_changed = True
        event.set()
