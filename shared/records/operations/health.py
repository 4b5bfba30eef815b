"""Serves `GET /healthz` and `GET /metrics` of each service on a port for monitoring.

It is off unless `PRECIEUX_METRICS_PORT` is set, because several services may share a machine.
"""

import asyncio
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from shared.adapters.database.connection import Database
from shared.adapters.database.standby import lacks_standby
from shared.common.service import metrics
from shared.common.service.errors import ConfigurationError, DatabaseUnavailable
from shared.common.service.settings import Settings
from shared.records.operations import backlog

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


class HealthSettings(Settings):
    metrics_host: Annotated[str, Field(description="the address that serves /healthz and /metrics")] = "127.0.0.1"
    metrics_port: Annotated[
        int | None, Field(ge=1, le=65535, description="the port that serves /healthz and /metrics; unset, they are off")
    ] = None

    def require_other_port(self, host: str, port: int, *, setting: str) -> None:
        """Raise `ConfigurationError` if this process serves something else there. The kernel would not refuse it."""
        hosts = {self.metrics_host, host}
        # A server on 0.0.0.0 has all addresses of IPv4, and one on :: has those of IPv6 too.
        all_of_ipv4 = "0.0.0.0" in hosts and not any(":" in address for address in hosts)  # noqa: S104  (compared, not bound)
        if self.metrics_port == port and (len(hosts) == 1 or "::" in hosts or all_of_ipv4):
            raise ConfigurationError(f"PRECIEUX_METRICS_PORT and {setting} are both {port}: change one of them.")


class HealthServer:
    """A process is healthy if its event loop runs and its database answers.

    With `counts_backlog`, its metrics also have what waits. Only the API does so: its role may read all that is
    counted, and every process would count the same.

    With `is_shared`, other processes of the service have the same port, and any of them answers.

    Raise `ConfigurationError` if the port cannot be used, so that a service says so before it reports that it is ready.
    """

    def __init__(
        self, settings: HealthSettings, database: Database, *, counts_backlog: bool = False, is_shared: bool = False
    ) -> None:
        self._settings = settings
        self._database = database
        self._counts_backlog = counts_backlog
        self._is_shared = is_shared
        if settings.metrics_port is not None:
            self._listening_socket().close()

    async def run(self, stop: asyncio.Event) -> None:
        if self._settings.metrics_port is None:
            return
        # A service without this port needs no HTTP server, which takes 4 MB.
        from starlette.applications import Starlette
        from starlette.routing import Route

        from shared.common.http.server import serve_http

        listening = self._listening_socket()
        app = Starlette(routes=[Route("/healthz", self._healthz), Route("/metrics", self._metrics)])
        try:
            await serve_http(app, listening, stop, grace_seconds=1, report_ready=False)
        finally:
            listening.close()

    def _listening_socket(self) -> socket.socket:
        from shared.common.http.server import listening_socket

        assert self._settings.metrics_port is not None
        return listening_socket(
            self._settings.metrics_host,
            self._settings.metrics_port,
            setting="PRECIEUX_METRICS_HOST and PRECIEUX_METRICS_PORT",
            is_shared=self._is_shared,
        )

    async def _healthz(self, _: "Request") -> "Response":
        from starlette.responses import JSONResponse

        try:
            await self._database.ping()
        except DatabaseUnavailable:
            return JSONResponse({"status": "waiting", "database": "unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _: "Request") -> "Response":
        from starlette.responses import Response

        try:
            async with self._database.transaction() as connection:
                if self._counts_backlog:
                    for waiting in await backlog.measure(connection):
                        metrics.BACKLOG.labels(waiting.place).set(waiting.depth)
                        metrics.BACKLOG_AGE_SECONDS.labels(waiting.place).set(waiting.oldest_s or 0)
                metrics.STANDBY_MISSING.set(await lacks_standby(connection))
            metrics.DATABASE_UP.set(1)
        except DatabaseUnavailable:
            metrics.DATABASE_UP.set(0)
            # The last values would look current.
            metrics.BACKLOG.clear()
            metrics.BACKLOG_AGE_SECONDS.clear()
        for state, count in self._database.connections().items():
            metrics.DATABASE_CONNECTIONS.labels(state).set(count)
        return Response(generate_latest(metrics.Exposed()), media_type=CONTENT_TYPE_LATEST)
