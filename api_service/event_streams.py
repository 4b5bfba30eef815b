"""Keeps the open event streams of this process: how many a key may have, when they wake up, and when they end."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT

from api_service import snapshots
from api_service.auth import CACHE_SECONDS, Principal
from api_service.problems import Kind, Problem
from api_service.snapshots import Reading
from api_service.together import Together
from api_service.watcher import Watcher
from shared import api_keys
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.resources import read
from shared.resources.links import Links
from shared.resources.models import Queue, Submission
from shared.resources.queue import places

log = get_logger(__name__)

T = TypeVar("T")

#: Seconds between two comments, so that no proxy takes a quiet stream for a dead one.
_COMMENT_SECONDS: Final = 15.0
#: Seconds between two looks at the queue.
_QUEUE_SECONDS: Final = 1.0
#: Seconds after which a stream ends, so that nobody holds one for ever, for example of a submission that is held. The
#: client connects again with its last event.
_LONGEST_SECONDS: Final = 600.0
#: An estimate moves all the time. A change of less than this is no news.
_ESTIMATE_MOVES: Final = timedelta(seconds=10)
#: Seconds to wait before another try while the database is unavailable.
_RETRY_SECONDS: Final = 1.0


class Wake(asyncio.Event):
    """Wakes a stream. `has_changed` is True if the database has something new, not only the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.has_changed = True

    def set(self) -> None:
        self.has_changed = True
        super().set()

    def set_for_queue(self) -> None:
        super().set()

    def clear(self) -> None:
        self.has_changed = False
        super().clear()


class Stream:
    """An open stream. `wake` is set when there may be something to send, or the stream must end."""

    __slots__ = ("_ends_at", "_is_revoked", "_watcher", "queue", "shown_queue", "wake")

    def __init__(self, wake: Wake, watcher: Watcher) -> None:
        self.wake = wake
        self._watcher = watcher
        self._is_revoked = False
        self._ends_at = time.monotonic() + _LONGEST_SECONDS
        #: The latest place in the queue, and the one that was sent last.
        self.queue: Queue | None = None
        self.shown_queue: Queue | None = None

    @property
    def must_end(self) -> bool:
        """True once the service stops, the key is revoked, or the stream has lasted for long enough."""
        return self._watcher.is_stopping or self._is_revoked or time.monotonic() >= self._ends_at

    def revoke(self) -> None:
        """End the stream, because its key is revoked."""
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

    def new_queue(self) -> Queue | None:
        """Return the place in the queue if it has changed since the last call."""
        if not _differ(self.shown_queue, self.queue):
            return None
        self.shown_queue = self.queue
        return self.queue

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
    """Counts the open streams of each key, and looks at the queue for all of them while `run` runs.

    The places in the queue of all of them come from one query, at most once a second, and only after a change.
    """

    def __init__(
        self, database: Database, watcher: Watcher, links: Links, *, most: int, most_in_all: int | None = None
    ) -> None:
        """A key may have `most` streams open, and all keys together `most_in_all`."""
        self.snapshots: Together[Reading] = Together(partial(snapshots.read_all, database), most=500)
        #: Whole submissions, for the end of their streams. Each may have long texts.
        self.whole: Together[Submission] = Together(partial(_read_whole, database, links), most=20)
        self._database = database
        self._watcher = watcher
        self._most = most
        self._most_in_all = most if most_in_all is None else most_in_all
        self._open: dict[int | None, set[Stream]] = {}
        self._queued: dict[int, set[Stream]] = {}
        self._anyone_new = asyncio.Event()

    @contextmanager
    def open(self, principal: Principal, wake: Wake) -> Iterator[Stream]:
        """Count a stream of this key while the block runs.

        Raises `Problem` if there are too many: 429 of this key, 503 of all keys.
        """
        key = principal.key_id
        streams = self._open.get(key, set())
        if len(streams) >= self._most:
            raise Problem(
                Kind.TOO_MANY,
                f"This key has {self._most} event streams open, which is the limit; close one, then try again.",
            )
        if sum(map(len, self._open.values())) >= self._most_in_all:
            raise Problem(
                Kind.UNAVAILABLE,
                "This server has as many event streams open as it can; try again in a moment.",
            )
        stream = Stream(wake, self._watcher)
        streams.add(stream)
        self._open[key] = streams
        try:
            yield stream
        finally:
            streams.discard(stream)
            if not streams:
                del self._open[key]

    @contextmanager
    def in_queue(self, submission: int, stream: Stream, *, is_queued: bool) -> Iterator[None]:
        """Keep `stream.queue` up to date while the block runs, and wake the stream at each change."""
        if not is_queued:
            stream.queue = stream.shown_queue = None
            yield
            return
        self._queued.setdefault(submission, set()).add(stream)
        if stream.queue is None:
            self._anyone_new.set()
        try:
            yield
        finally:
            self._queued[submission].discard(stream)
            if not self._queued[submission]:
                del self._queued[submission]

    async def run(self, stop: asyncio.Event) -> None:
        seen = -1
        while not stop.is_set():
            if not self._queued:
                self._anyone_new.clear()
                await wait_any(stop, self._anyone_new)
                continue
            if self._anyone_new.is_set() or seen != self._watcher.changes:
                self._anyone_new.clear()
                seen = self._watcher.changes
                await self._look_at_queue()
            await wait_any(stop, timeout=_QUEUE_SECONDS)

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
        keys = [key for key in self._open if key is not None]
        try:
            async with self._database.connection() as connection:
                revoked = await api_keys.revoked(connection, keys)
        except DatabaseUnavailable as exc:
            # The connection that listens is lost too. When there is a new one, this is done again.
            log.warning("streams.waiting", error=str(exc))
            return
        for key in revoked:
            for stream in self._open.get(key, ()):
                stream.revoke()

    async def _look_at_queue(self) -> None:
        try:
            async with self._database.connection() as connection:
                found = await places(connection, list(self._queued))
        except DatabaseUnavailable as exc:
            self._anyone_new.set()
            log.warning("streams.waiting", error=str(exc), next_try_s=_QUEUE_SECONDS)
            return
        for submission, queue in found.items():
            for stream in self._queued.get(submission, ()):
                stream.queue = queue
                if _differ(stream.shown_queue, queue):
                    stream.wake.set_for_queue()


async def _read_whole(database: Database, links: Links, ids: Sequence[int]) -> dict[int, Submission]:
    async with database.connection() as connection:
        return await read.whole_submissions(connection, ids, links=links)


def _differ(shown: Queue | None, now: Queue | None) -> bool:
    """Return True if the second place is news for a client that was sent the first."""
    if now is None:
        return False
    if shown is None or shown.position != now.position:
        return True
    if shown.estimated_start_at is None or now.estimated_start_at is None:
        return shown.estimated_start_at != now.estimated_start_at
    return abs(now.estimated_start_at - shown.estimated_start_at) >= _ESTIMATE_MOVES
