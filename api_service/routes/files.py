"""Serves the links of the local store: whoever holds one may read that one object until it expires."""

import time
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from api_service.dependencies import ServicesDep
from api_service.problems import Problem
from api_service.streaming import PiecewiseResponse, begun
from shared.errors import ObjectNotFound
from shared.storage.base import ObjectStore

router = APIRouter(tags=["files"])

#: Bytes of an object that are kept in memory for a client that reads slowly.
_PIECE_BYTES: Final = 32 << 10


@router.get("/files/{key:path}", summary="Read a stored output by its link", response_class=Response)
async def read_file(
    key: str,
    expires: Annotated[int, Query(ge=0, lt=1 << 63)],
    signature: Annotated[str, Query(max_length=64)],
    services: ServicesDep,
) -> Response:
    if not services.signer.verifies(key, expires=expires, signature=signature, now=time.time()):
        raise Problem(HTTPStatus.FORBIDDEN, "This link is not valid, or not any more: ask for a new one.")
    try:
        pieces = await begun(_pieces(services.store, key))
    except ObjectNotFound:
        raise Problem(HTTPStatus.NOT_FOUND, "What this link led to has been removed.") from None
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
