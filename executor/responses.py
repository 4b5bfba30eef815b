"""Responses that hold what a run needs until they are sent: an answer in pieces, and events as they come."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from executor import wire
from executor.runs import Runs, Stopping
from shared.common.http.bodies import FREE_BYTES
from shared.common.http.disconnect import cancel_if_gone
from shared.engine_api.run_call.events import Failed

STOPPING: Final = "The engine stops. Try again in a moment."


class PacedAnswer(Response):
    """A response that is sent in pieces, each after the client took the one before. `held` is released at the end."""

    def __init__(self, content: bytes, status: int, held: contextlib.AsyncExitStack | None) -> None:
        super().__init__(content, status, media_type="application/json")
        self._held = held or contextlib.AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            last = max(len(self.body) - 1, 0) // FREE_BYTES * FREE_BYTES
            for start in range(0, last, FREE_BYTES):
                piece = self.body[start : start + FREE_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": self.body[last:]})


class EventStream(StreamingResponse):
    """A response whose lines are sent as they come, after the first. If the client disconnects, they are cancelled.

    If the executor stops, the last line says so. `held` is released at the end, and ends the lines.
    """

    def __init__(self, first: bytes, lines: AsyncGenerator[bytes], held: contextlib.AsyncExitStack, runs: Runs) -> None:
        super().__init__(_after(first, lines), media_type="application/x-ndjson")
        self._held = held
        self._runs = runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            with contextlib.suppress(ClientDisconnect):
                try:
                    async with self._runs.under_way():
                        await cancel_if_gone(receive, self.stream_response(send))
                except Stopping:
                    last = wire.line(Failed(error=STOPPING, stopping=True))
                    await send({"type": "http.response.body", "body": last})


async def _after(first: bytes, lines: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for line in lines:
        yield line
