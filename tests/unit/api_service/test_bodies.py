"""Letting the body of a request go before its answer waits."""

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from api_service.requests.receive import release_body
from shared.common.http.bodies import FREE_BYTES, BodyLimits, BoundedBodies, ByteBudget


async def test_a_body_that_is_let_go_takes_no_room() -> None:
    budget = ByteBudget(1)
    seen: list[tuple[int, int]] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * (FREE_BYTES + 1)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        seen.append((len(await request.body()), budget.free))
        release_body(request)
        seen.append((len(await request.body()), budget.free))  # Starlette keeps what it has read

    async def send(message: Message) -> None:
        raise AssertionError(message)

    bounded = BoundedBodies(app, BodyLimits(1 << 20), budget, refuse=None)  # type: ignore[arg-type]
    await bounded({"type": "http", "path": "/", "headers": []}, receive, send)
    assert seen == [(FREE_BYTES + 1, 0), (0, 1)]
