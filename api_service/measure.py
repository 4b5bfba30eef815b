"""Counts and times the answers by route, not by path: clients can send any number of different paths."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.route_names import route_of
from shared import metrics


class Measure:
    """ASGI middleware that counts and times all answers, also those to refused requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_record)
        finally:
            route = route_of(scope)
            metrics.HTTP_REQUESTS.labels(route, status).inc()
            metrics.HTTP_SECONDS.labels(route).observe(time.perf_counter() - started)
