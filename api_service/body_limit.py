"""Refuses bodies that are longer than any submission can be, before they are read into a parser."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.problems import Problem, problem


class BodyLimit:
    """ASGI middleware: 413 for a `Content-Length` above `max_bytes`, and for a body that grows beyond it."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        detail = f"The request is longer than {self._max_bytes} bytes."
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            # The rest of the body is not wanted: the connection cannot be used again.
            refusal = problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self._app(scope, counted, send)
