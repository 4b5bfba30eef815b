"""Serves the links that this API signs. Anyone who has a link may read its object until the link expires."""

import time
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from fastapi.responses import PlainTextResponse

from api_service.http.errors import ApiError, Kind
from api_service.http.openapi import problem_responses
from api_service.http.streaming import PiecewiseResponse, prefetch
from api_service.services import ServicesDep
from shared.adapters.storage.base import ObjectStore
from shared.common.service.errors import ObjectNotFound

router = APIRouter(tags=["files"])

#: Bytes of an object that are kept in memory for a client that reads slowly.
_PIECE_BYTES: Final = 32 << 10

Key = Annotated[str, PathParameter(description="The name of the output.", examples=["results/1.txt"])]
Expires = Annotated[
    int,
    Query(ge=0, le=(1 << 63) - 1, description="When the link expires, in seconds since 1970.", examples=[1767225600]),
]
Signature = Annotated[str, Query(max_length=64, description="The proof that this server made the link.")]


@router.get(
    "/files/{key:path}",
    summary="Read a stored output by its link",
    description="Links come from `/check_user/` and from mails. This call needs no API key.",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "The output."},
        **problem_responses(
            {
                HTTPStatus.FORBIDDEN: "The link is not valid, or has expired.",
                HTTPStatus.NOT_FOUND: "The output has been removed.",
                HTTPStatus.UNPROCESSABLE_ENTITY: "The link is incomplete.",
                HTTPStatus.SERVICE_UNAVAILABLE: "The object store is unavailable.",
            }
        ),
    },
)
async def read_file(key: Key, expires: Expires, signature: Signature, services: ServicesDep) -> Response:
    if not services.signer.verifies(key, expires=expires, signature=signature, now=time.time()):
        raise ApiError(Kind.FORBIDDEN, "This link is not valid, or has expired: GET /check_user/ returns a new one.")
    try:
        pieces = await prefetch(_pieces(services.store, key))
    except ObjectNotFound:
        raise ApiError(
            Kind.NOT_FOUND, "The output that this link led to has been removed: submit the program again."
        ) from None
    # A program's output is hostile, so browsers must show it as plain text and run nothing of it.
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
        del piece  # so that it is in memory only once while the client reads it
