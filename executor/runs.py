"""Ends the runs under way when the executor stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

#: Seconds that runs have to finish. Compose, Kubernetes, systemd and `precieux up` grant five more, in which the
#: answers are sent and the sandbox is taken down.
GRACE_SECONDS: Final = 10
#: Seconds in which the last answers are sent.
ANSWER_SECONDS: Final = 2


class Stopping(Exception):
    """The executor stops."""


class Runs:
    """The runs under way, which finish when the executor is asked to stop, or are ended.

    Whoever asked for a run that is ended learns why, so no program is taken for the cause. The caller refuses new runs
    while `is_stopping`.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self._scopes: set[asyncio.Timeout] = set()
        #: The end of every run; None before the grace is over.
        self._deadline: float | None = None
        self._none = asyncio.Event()
        self._none.set()

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Count a run. Raises `Stopping` if it had to be ended."""
        scope = asyncio.timeout_at(self._deadline)
        try:
            async with scope:
                self._scopes.add(scope)
                self._none.clear()
                try:
                    yield
                finally:
                    self._scopes.discard(scope)
                    if not self._scopes:
                        self._none.set()
        except TimeoutError:
            if not scope.expired():
                raise
            raise Stopping from None

    async def stop(self, grace: float) -> None:
        """Wait until no run is under way. End those that do not finish within `grace` seconds."""
        self.is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._none.wait()
        self._deadline = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(self._deadline)
