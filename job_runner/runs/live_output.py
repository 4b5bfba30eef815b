"""Passes on what a program writes while it runs, to the API's event streams.

That is best effort. What cannot be passed on is lost, and the result has all of it.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.common.service.errors import DatabaseUnavailable
from shared.common.text.strip_nul import strip_nul
from shared.engine_api.run_call.events import Output, OutputStream

#: Seconds between two deliveries. A run that ends before the first one has none.
_PACE_S: Final = 0.5
#: Characters in a notification, which may have up to 7,999 bytes. A character has up to four.
_PIECE: Final = 1900
#: Notifications in a delivery. If the program writes more meanwhile, only the end is passed on.
_MAX_PIECES: Final = 16

_NOTIFY: Final = "SELECT pg_notify(:channel, piece) FROM unnest(CAST(:pieces AS text[])) AS piece"


class LiveOutput:
    """The output of one run. `write` takes what the program has written, and never waits. `close` ends it."""

    def __init__(self, database: Database, submission: int) -> None:
        self._database = database
        self._submission = submission
        #: What is not passed on yet, in order.
        self._waiting: deque[tuple[OutputStream, str]] = deque(maxlen=_MAX_PIECES)
        self._sending: asyncio.Task[None] | None = None

    def write(self, output: Output) -> None:
        """Take what the program has written, to pass it on a little later."""
        text = output.text
        if self._waiting and self._waiting[-1][0] == output.stream:
            text = self._waiting.pop()[1] + text
        self._waiting.append((output.stream, text[-_PIECE * _MAX_PIECES :]))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    def close(self) -> None:
        """Forget what is not passed on yet. The task then ends by itself, so that no statement is cut off."""
        self._waiting.clear()

    async def _send(self) -> None:
        while self._waiting:
            await asyncio.sleep(_PACE_S)
            pieces = self._pieces()
            self._waiting.clear()
            if pieces:
                with suppress(DatabaseUnavailable):
                    values = {"channel": channels.LIVE_OUTPUT, "pieces": pieces}
                    await self._database.call(Connection.execute, _NOTIFY, values)

    def _pieces(self) -> list[str]:
        """Return the payloads of the next delivery. Each has a number, because of equal ones Postgres delivers one."""
        pieces = [
            (stream, strip_nul(text[start : start + _PIECE]))
            for stream, text in self._waiting
            for start in range(0, len(text), _PIECE)
        ][-_MAX_PIECES:]
        return [f"{self._submission} {number} {stream} {text}" for number, (stream, text) in enumerate(pieces)]
