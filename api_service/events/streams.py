"""Keeps the open event streams of this process: how many a key may have, and when each wakes up and ends."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT

from api_service.access.authenticator import CACHE_SECONDS
from api_service.access.principal import Principal
from api_service.events.notifications import Notifications
from api_service.limits.holds import ConcurrencyLimit
from shared.adapters.database.connection import Database
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.records.accounts import api_keys

log = get_logger(__name__)

T = TypeVar("T")

#: Seconds between two comments, so that no proxy takes a quiet stream for a dead one.
_COMMENT_SECONDS: Final = 15.0
#: Seconds after which a stream ends, so that nobody holds one for ever, for example of a submission that is held. The
#: client connects again with its last event.
_MAX_SECONDS: Final = 600.0
#: Seconds to wait before another try while the database is unavailable.
_RETRY_SECONDS: Final = 1.0


class Stream:
    """An open stream of a key. `wake` is set when there may be something to send, or the stream must end."""

    def __init__(self, key: int | None, wake: asyncio.Event, notifications: Notifications) -> None:
        self.key = key
        self.wake = wake
        self._watcher = notifications
        self._is_revoked = False
        self._ends_at = time.monotonic() + _MAX_SECONDS

    @property
    def must_end(self) -> bool:
        """True once the service stops, the key is revoked, or the stream has lasted for long enough."""
        return self._watcher.is_stopping or self._is_revoked or time.monotonic() >= self._ends_at

    def revoke(self) -> None:
        self._is_revoked = True
        self.wake.set()

    async def comments_until_woken(self) -> AsyncGenerator[bytes]:
        """Yield a comment from time to time. Return when the stream is woken, or must end."""
        while not self.must_end:
            try:
                async with asyncio.timeout(_COMMENT_SECONDS):
                    await self.wake.wait()
                return
            except TimeoutError:
                yield KEEPALIVE_COMMENT

    async def patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what `read` returns. Try again while the database is unavailable, until the stream must end."""
        while True:
            try:
                return await read()
            except DatabaseUnavailable:
                if self.must_end:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)


class Streams:
    """The open streams. A key may have `max_of_key` of them, and all keys together `max_in_all`."""

    def __init__(self, database: Database, notifications: Notifications, *, max_of_key: int, max_in_all: int) -> None:
        self._database = database
        self._watcher = notifications
        self._holds = ConcurrencyLimit(
            max_in_all,
            max_of_key,
            refusal="This server has as many event streams open as it can; try again in a moment.",
            refusal_of_key=f"This key has {max_of_key} event streams open, which is the limit;"
            " close one, then try again.",
        )
        self._open: set[Stream] = set()

    @contextmanager
    def open(self, principal: Principal, wake: asyncio.Event) -> Iterator[Stream]:
        """Count a stream of this key while the block runs.

        Raises `ApiError` if there are too many: 429 of this key, 503 of all keys.
        """
        with self._holds.hold(principal):
            stream = Stream(principal.key_id, wake, self._watcher)
            self._open.add(stream)
            try:
                yield stream
            finally:
                self._open.discard(stream)

    async def end_revoked(self, stop: asyncio.Event) -> None:
        """End the streams of each key that is revoked, within a second."""
        changed = self._watcher.key_revoked
        while not stop.is_set():
            await wait_any(stop, changed)
            changed.clear()
            await self._end_revoked()
            # Until then, a stream may have been opened with a key of the cache.
            await wait_any(stop, changed, timeout=CACHE_SECONDS + 1)
            await self._end_revoked()

    async def _end_revoked(self) -> None:
        keys = {stream.key for stream in self._open if stream.key is not None}
        try:
            revoked = await self._database.call(api_keys.revoked, list(keys))
        except DatabaseUnavailable as exc:
            # The connection that listens is lost too. When there is a new one, this is done again.
            log.warning("streams.waiting", error=str(exc))
            return
        for stream in self._open:
            if stream.key in revoked:
                stream.revoke()
