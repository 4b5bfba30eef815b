"""Answers to each path with a slash at its end and without, and without a redirect.

A redirect would lead to the host that the request names.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send


class EitherSpelling:
    """ASGI middleware: a path that only has the other spelling becomes that."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        self._app = app
        known = set(paths)
        self._others = {other: path for path in known if (other := _other(path)) not in known}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._others.get(scope["path"], scope["path"])
        await self._app(scope, receive, send)


def _other(path: str) -> str:
    return path[:-1] if path.endswith("/") else f"{path}/"
