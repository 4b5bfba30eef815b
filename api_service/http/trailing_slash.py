"""Accepts every path with and without a slash at its end.

There is no redirect, because it would lead to the host that the request's Host header names.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """ASGI middleware that adds or removes the last slash of a path if only the other spelling is in `paths`."""

    def __init__(self, app: ASGIApp, paths: Iterable[str]) -> None:
        self._app = app
        served = set(paths)
        self._others = {other: path for path in served if (other := _other(path)) not in served}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._others.get(scope["path"], scope["path"])
        await self._app(scope, receive, send)


def _other(path: str) -> str:
    return path[:-1] if path.endswith("/") else f"{path}/"
