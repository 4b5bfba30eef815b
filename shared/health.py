"""A small HTTP port beside each service: `GET /healthz` and `GET /metrics`, for whoever watches it.

Off unless `PRECIEUX_METRICS_PORT` is set, since several services may share a machine.
"""

import asyncio
from http import HTTPStatus
from typing import Annotated

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared import backlog, metrics
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable
from shared.http_server import listening_socket, serve_http
from shared.settings import Settings


class HealthSettings(Settings):
    metrics_host: Annotated[str, Field(description="address to serve /healthz and /metrics on")] = "127.0.0.1"
    metrics_port: Annotated[int | None, Field(ge=1, le=65535, description="port to serve them on; unset: none")] = None


class Health:
    """Healthy is a process whose event loop turns and whose database answers."""

    def __init__(self, settings: HealthSettings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def run(self, stop: asyncio.Event) -> None:
        if self._settings.metrics_port is None:
            return
        listening = listening_socket(
            self._settings.metrics_host,
            self._settings.metrics_port,
            setting="PRECIEUX_METRICS_HOST and PRECIEUX_METRICS_PORT",
        )
        app = Starlette(routes=[Route("/healthz", self._healthz), Route("/metrics", self._metrics)])
        try:
            await serve_http(app, listening, stop, grace_seconds=1, tell_readiness=False)
        finally:
            listening.close()

    async def _healthz(self, _: Request) -> Response:
        try:
            async with self._database.transaction() as connection:
                await connection.execute("SELECT 1")
        except DatabaseUnavailable:
            return JSONResponse({"status": "waiting", "database": "away"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _: Request) -> Response:
        try:
            async with self._database.transaction() as connection:
                for waiting in await backlog.measure(connection):
                    metrics.BACKLOG.labels(waiting.place).set(waiting.depth)
                    metrics.BACKLOG_AGE_SECONDS.labels(waiting.place).set(waiting.oldest_s or 0)
                held = await connection.fetch_one("SELECT count(*) AS sources FROM quarantine")
                metrics.QUARANTINE.set(held["sources"] if held else 0)
        except DatabaseUnavailable:
            # What was read last would be taken for today's.
            metrics.BACKLOG.clear()
            metrics.BACKLOG_AGE_SECONDS.clear()
        for state, count in self._database.connections().items():
            metrics.DATABASE_CONNECTIONS.labels(state).set(count)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
