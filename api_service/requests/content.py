"""Answers with stored bytes: sources, outputs and standard errors. They are hostile, so browsers must run nothing."""

import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from api_service.http.errors import ApiError, Kind
from api_service.http.openapi import Schema, request_header
from api_service.http.streaming import PiecewiseResponse, prefetch
from api_service.requests.answers import is_match

TEXT: Final = "text/plain; charset=utf-8"
ZIP: Final = "application/zip"

#: Bytes that are in memory for a client that reads slowly.
_PIECE_BYTES: Final = 32 << 10
_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}
#: One range (RFC 9110, section 14.1.2).
_RANGE: Final = re.compile(
    r"bytes=[ \t]*(?:([0-9]{1,100})-([0-9]{0,100})|-([0-9]{1,100}))[ \t]*", re.ASCII | re.IGNORECASE
)

RANGE: Final = request_header(
    "Range", "One range of bytes. A malformed one, or several, are ignored.", example="bytes=0-1023"
)
#: Generators of clients take a `text/plain` that is binary for a mistake.
_TEXT: Final[Schema] = {"schema": {"type": "string"}, "example": "42\n"}
_BYTES: Final[Schema] = {"schema": {"type": "string", "format": "binary"}}
_CONTENT_RANGE: Final[Schema] = {"Content-Range": {"required": True, "schema": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class Content:
    """Stored bytes. `read` returns up to so many bytes from a place on.

    With a `file_name`, browsers save them unless `is_inline`. A `digest` is the SHA-256 of all bytes, in hexadecimal.
    It becomes the entity tag, and bytes that do not have it are not sent to their end.
    """

    size: int
    read: Callable[[int, int], Awaitable[bytes]]
    media_type: str = TEXT
    file_name: str | None = None
    is_inline: bool = False
    digest: str | None = None
    piece_bytes: int = _PIECE_BYTES


def content_responses(*media_types: str) -> dict[int | str, Schema]:
    """Return the answers with bytes, as OpenAPI describes them."""
    content = {kind: _TEXT if kind.startswith("text/") else _BYTES for kind in media_types}
    return {
        HTTPStatus.OK.value: {"description": "The bytes.", "content": content},
        HTTPStatus.PARTIAL_CONTENT.value: {
            "description": "The bytes of the range.",
            "content": content,
            "headers": _CONTENT_RANGE,
        },
    }


async def content_answer(request: Request, content: Content) -> Response:
    """Return the bytes, or the range of them that the request names. Raise `ApiError` (416) if it is outside."""
    start, end = 0, content.size
    headers = dict(_SAFE)
    if content.file_name is not None:
        headers["Content-Disposition"] = _disposition(content.file_name, is_inline=content.is_inline)
    if content.digest is not None:
        headers["ETag"] = f'"{content.digest}"'
        if is_match(request, headers["ETag"]):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = _part(request, content.size, headers.get("ETag"))
    if part is not None:
        start, end = part
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    headers["Content-Length"] = str(end - start)
    status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
    return PiecewiseResponse(await prefetch(_pieces(content, start, end)), content.media_type, headers, status)


def _disposition(name: str, *, is_inline: bool) -> str:
    """Return the value of `Content-Disposition` (RFC 6266): the name in ASCII, and all of it if that differs."""
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in name)
    value = f'{"inline" if is_inline else "attachment"}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _part(request: Request, size: int, tag: str | None) -> tuple[int, int] | None:
    """Return the range of a request, from the first byte to the one after the last; None if all bytes are wanted."""
    fields = request.headers.getlist("Range")
    # Without the entity tag that `If-Range` names, such a request is for everything.
    is_same = request.headers.get("If-Range", tag) == tag
    named = _RANGE.fullmatch(fields[0]) if len(fields) == 1 and is_same else None
    if named is None:
        return None
    first, last, length = named.groups()
    if length is not None:
        start, end = max(0, size - int(length)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise ApiError(
            Kind.RANGE,
            f"The range is outside the {size} bytes that there are.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


async def _pieces(content: Content, start: int, end: int) -> AsyncGenerator[bytes]:
    digest = hashlib.sha256() if content.digest is not None and (start, end) == (0, content.size) else None
    while start < end:
        piece = await content.read(start, min(content.piece_bytes, end - start))
        if not piece:
            raise EOFError("the stored bytes are fewer than before")
        start += len(piece)
        if digest is not None:
            digest.update(piece)
            if start == end and digest.hexdigest() != content.digest:
                raise EOFError("the stored bytes are not those that were stored")
        yield piece
        del piece  # so that it is in memory only once while the client reads it
    if start == 0:
        yield b""
