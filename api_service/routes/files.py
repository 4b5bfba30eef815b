"""Serves the links of the local store: whoever holds one may read that one object until it expires."""

import time
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import PlainTextResponse

from api_service.dependencies import ServicesDep
from api_service.problems import Problem, described
from api_service.streaming import PiecewiseResponse, begun
from shared.errors import ObjectNotFound
from shared.storage.base import ObjectStore

router = APIRouter(tags=["files"])

#: Bytes of an object that are kept in memory for a client that reads slowly.
_PIECE_BYTES: Final = 32 << 10


@router.get(
    "/files/{key:path}",
    operation_id="read_file",
    summary="Read a stored output by its link",
    description="Links come from `/check_user/` and from mails. A link is enough: this call takes no API key.",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "The text."},
        **described(
            {
                HTTPStatus.FORBIDDEN: "The link is not valid, or not any more.",
                HTTPStatus.NOT_FOUND: "The text has been removed.",
                HTTPStatus.UNPROCESSABLE_ENTITY: "The link is incomplete.",
                HTTPStatus.SERVICE_UNAVAILABLE: "The store is away for now.",
            }
        ),
    },
)
async def read_file(
    key: Annotated[str, PathParameter(description="The name of the text.", examples=["results/1.txt"])],
    expires: Annotated[
        int,
        Query(
            ge=0, le=(1 << 63) - 1, description="When the link expires, in seconds since 1970.", examples=[1767225600]
        ),
    ],
    signature: Annotated[str, Query(max_length=64, description="The proof that this server made the link.")],
    services: ServicesDep,
) -> Response:
    if not services.signer.verifies(key, expires=expires, signature=signature, now=time.time()):
        raise Problem(HTTPStatus.FORBIDDEN, "This link is not valid, or not any more: GET /check_user/ has a new one.")
    try:
        pieces = await begun(_pieces(services.store, key))
    except ObjectNotFound:
        raise Problem(
            HTTPStatus.NOT_FOUND, "What this link led to has been removed: submit the program again."
        ) from None
    # A program's output is hostile: whatever it looks like, it is shown as text and runs nothing.
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }
    return PiecewiseResponse(pieces, "text/plain; charset=utf-8", headers)


async def _pieces(store: ObjectStore, key: str) -> AsyncGenerator[bytes]:
    start = 0
    length = _PIECE_BYTES
    while length == _PIECE_BYTES:
        piece = await store.read(key, start, _PIECE_BYTES)
        length = len(piece)
        start += length
        yield piece
        del piece  # while the client reads it, it is kept once
