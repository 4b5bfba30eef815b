"""Answers that are sent piece by piece, as fast as the client reads them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from http import HTTPStatus

from starlette.responses import StreamingResponse
from starlette.types import Send

from api_service.http.errors import ApiError
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger

log = get_logger(__name__)


class PiecewiseResponse(StreamingResponse):
    """Makes each piece after the client has read the one before. The generator is always closed.

    A failure halfway ends the connection, so that no client mistakes a part for the whole.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
        status: int = HTTPStatus.OK,
    ) -> None:
        super().__init__(pieces, status, headers, media_type)
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async for piece in self._pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    del piece
                    # uvicorn waits before it writes, not after, so this returns when the piece has been written.
                    await send({"type": "http.response.body", "body": b"", "more_body": True})
            except (TransientError, ApiError) as exc:
                log.warning("answer.cut_off", error=str(exc))
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def prefetch(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Return the pieces after making the first, so that an error in it can still change the status."""
    try:
        first = await anext(pieces)
    except BaseException:
        await pieces.aclose()
        raise
    return _chain(first, pieces)


async def _chain(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        yield first
        del first
        async for piece in rest:
            yield piece
            del piece
