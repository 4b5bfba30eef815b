"""The way on which the tests' box tells how its tests end. It is no relay: the student's box has no part in it."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

from executor.sandbox.base import Job, Sandbox, StepResult

#: Bytes of the longest line: the list of all tests, or the messages of one.
_MAX_LINE: Final = 4 << 20


class Reports:
    """One job whose tests report. `events` yields what they tell; then `result` is how the job ended."""

    def __init__(self, sandbox: Sandbox, make_job: Callable[[socket.socket], Job]) -> None:
        self._sandbox = sandbox
        self._make_job = make_job
        self.result: StepResult

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield each event, and answer it when the caller has handled it. If this is closed, the job is killed."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            running = asyncio.create_task(self._sandbox.run(self._make_job(theirs)))
            reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_LINE)
            running.add_done_callback(lambda _: theirs.close())
            try:
                while event := await _read_event(reader):
                    yield event
                    writer.write(b"\n")
                writer.close()  # if it has written no event, its box ends now
                self.result = await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                writer.close()


async def _read_event(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Return the next event; {} if the box has ended, or has written no event."""
    try:
        event = json.loads(await reader.readline())
    except (ValueError, ConnectionError):
        return {}
    return event if isinstance(event, dict) and "event" in event else {}
