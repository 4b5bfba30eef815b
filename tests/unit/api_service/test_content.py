"""Stored bytes as answers: ranges, entity tags, and no more in memory than the client takes."""

import hashlib

import pytest
from fastapi import Request
from fastapi.responses import StreamingResponse

from api_service.http.errors import ApiError, Kind
from api_service.requests.content import Content, content_answer

BYTES = b"0123456789"
TAG = hashlib.sha256(BYTES).hexdigest()


async def read(start: int, length: int) -> bytes:
    return BYTES[start : start + length]


async def answer(**headers: str) -> tuple[int, bytes, str | None]:
    """Return the status of an answer, its bytes and its `Content-Range`."""
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    content = Content(len(BYTES), read, digest=TAG)
    found = await content_answer(Request({"type": "http", "headers": fields}), content)
    sent = b""
    if isinstance(found, StreamingResponse):
        sent = b"".join([bytes(piece) async for piece in found.body_iterator])  # type: ignore[arg-type]
        assert found.headers["Content-Length"] == str(len(sent))
    return found.status_code, sent, found.headers.get("Content-Range")


@pytest.mark.parametrize(
    ("field", "sent", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-30", BYTES, "bytes 0-9/10"),
        (f"bytes=9-{10**30}", b"9", "bytes 9-9/10"),
        (f"bytes=-{10**30}", BYTES, "bytes 0-9/10"),
        ("Bytes= 0-0 ", b"0", "bytes 0-0/10"),
    ],
)
async def test_a_range_of_the_bytes(field: str, sent: bytes, content_range: str) -> None:
    assert await answer(range=field) == (206, sent, content_range)


@pytest.mark.parametrize(
    "field",
    ["bytes=5-4", "bytes=0-1,4-5", "bytes=a-b", "bytes=-", "bytes=", "bytes 0-1", "lines=0-1", "bytes=--1", ""],
)
async def test_a_malformed_range_is_ignored(field: str) -> None:
    assert await answer(range=field) == (200, BYTES, None)


@pytest.mark.parametrize("field", [f"bytes={10**30}-", "bytes=10-", "bytes=10-12", "bytes=-0"])
async def test_a_range_outside_of_the_bytes_is_refused(field: str) -> None:
    with pytest.raises(ApiError) as refused:
        await answer(range=field)
    assert (refused.value.kind, refused.value.headers) == (Kind.RANGE, {"Content-Range": "bytes */10"})


async def test_an_entity_tag_is_compared() -> None:
    assert await answer(if_none_match=f'"{TAG}"') == (304, b"", None)
    assert await answer(range="bytes=8-9", if_range=f'"{TAG}"') == (206, b"89", "bytes 8-9/10")
    assert await answer(range="bytes=8-9", if_range='"other"') == (200, BYTES, None)


async def test_no_more_is_read_than_the_client_takes() -> None:
    asked = []

    async def piece(start: int, length: int) -> bytes:
        asked.append((start, length))
        return bytes(length)

    request = Request({"type": "http", "headers": [(b"range", b"bytes=5-")]})
    found = await content_answer(request, Content(1 << 30, piece))
    assert isinstance(found, StreamingResponse)
    pieces = aiter(found.body_iterator)
    assert [len(await anext(pieces)) for _ in range(2)] == [32 << 10] * 2
    assert asked == [(5, 32 << 10), (5 + (32 << 10), 32 << 10)]


@pytest.mark.parametrize("size", [10, 100_000])
async def test_bytes_that_have_changed_are_not_sent_to_their_end(size: int) -> None:
    """The last piece is held back, so the client sees that the answer was cut."""

    async def changed(start: int, length: int) -> bytes:
        return b"x" * length

    sent = 0

    async def send() -> None:
        nonlocal sent
        content = Content(size, changed, digest=hashlib.sha256(b"y" * size).hexdigest())
        found = await content_answer(Request({"type": "http", "headers": []}), content)
        assert isinstance(found, StreamingResponse)
        async for piece in found.body_iterator:
            sent += len(piece)

    with pytest.raises(EOFError, match="not those"):
        await send()
    assert sent < size
