"""`python -m executor`: read the settings, raise the sandbox, prove that it holds, serve."""

import asyncio
import contextlib
import selectors
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import uvicorn
import uvloop

from executor import limits, obstacles, pipeline, precompiled_headers, probes
from executor.app import create_app
from executor.catalogue import find_installed
from executor.mechanisms import find_mechanisms
from executor.pipeline import Pipeline
from executor.sandbox import cgroups
from executor.sandbox.base import SandboxFailure
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.link import Mechanisms
from executor.settings import ExecutorSettings
from executor.warm import Warm
from executor.worker import Slots
from shared.errors import ConfigurationError
from shared.logging import LogSettings, configure_logging, get_logger
from shared.readiness import notify_ready
from shared.settings import fail, load

log = get_logger("executor")

_GRACE_S = 5


async def serve(settings: ExecutorSettings, mechanisms: Mechanisms) -> None:
    sandbox = BubblewrapSandbox(mechanisms)
    try:
        await _prove(sandbox, settings)
        installed = await find_installed(sandbox, settings.executor_slots)
        sandbox.keep_ready(pipeline.ready(settings))
        slots = Slots(settings.executor_slots, settings.executor_queue)
        warm = Warm(sandbox, settings, installed.values(), mechanisms.runtimes)
        app = create_app(settings, Pipeline(sandbox, settings, warm), slots, installed)
        with listen(settings) as listener:
            server = _Server(
                uvicorn.Config(
                    app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_GRACE_S
                )
            )
            async with (
                contextlib.aclosing(warm),
                _in_background(precompiled_headers.make(sandbox, installed.values(), mechanisms.headers)),
            ):
                await server.serve([listener])
    finally:
        await sandbox.aclose()


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that may take its time, and ends with the block at the latest."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _prove(sandbox: BubblewrapSandbox, settings: ExecutorSettings) -> None:
    """Try to break out; `ConfigurationError` when that works, and when there is nothing to break out of."""
    try:
        await sandbox.start()
        findings = await probes.probe(sandbox, settings.executor_slots)
    except SandboxFailure as exc:
        remedy = obstacles.remedy(str(exc), obstacles.read_facts(sandbox.mechanisms.privileged))
        raise ConfigurationError(f"Programs cannot be kept in on this host ({exc}). {remedy}") from exc
    broken = [finding for finding in findings if not finding.held]
    for finding in broken:
        log.warning("selftest.failed", guarantee=finding.guarantee, essential=finding.essential, detail=finding.detail)
    open_ = [finding.guarantee for finding in broken if finding.essential]
    if open_ and not settings.executor_unsafe_serve_without_isolation:
        raise ConfigurationError(
            f"Programs are not kept in on this host; not so is: {'; '.join(open_)}. "
            "`python -m executor.doctor` tells more."
        )
    if open_:
        log.error("executor.unsafe", not_held=open_)


class _Server(uvicorn.Server):
    """Says when it is ready, and on SIGTERM or SIGINT ends `serve` rather than the process, so that we can clean up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            log.info("executor.ready", address=listener.getsockname()[:2])
        notify_ready()


def listen(settings: ExecutorSettings) -> socket.socket:
    address = (settings.executor_host, settings.executor_port)
    try:
        family = socket.AF_INET6 if ":" in settings.executor_host else socket.AF_INET
        listener = socket.create_server(address, family=family, backlog=1024)
        # Inherited by every connection. Without it an answer's body waits 40 ms for the acknowledgement of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as exc:
        raise ConfigurationError(
            f"Cannot listen on {address[0]} port {address[1]} ({exc.strerror}): "
            "set PRECIEUX_EXECUTOR_HOST or PRECIEUX_EXECUTOR_PORT."
        ) from exc


def _new_loop_for(mechanisms: Mechanisms) -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop, unless programs are the same user as we: one of them can use up all that the kernel grants a user for
    epoll(7), where libuv ends the process. A loop over poll(2) takes nothing of that (ADR 82)."""
    if mechanisms.own_users:
        return uvloop.new_event_loop
    return lambda: asyncio.SelectorEventLoop(selectors.PollSelector())


def main() -> int:
    try:
        settings = load(ExecutorSettings)
        configure_logging("executor", load(LogSettings))
        mechanisms = find_mechanisms(settings)
        settings = limits.on_this_host(
            settings,
            by_number=not mechanisms.own_users or mechanisms.cgroups is None,
            most_processes=cgroups.most_processes(),
        )
        with asyncio.Runner(loop_factory=_new_loop_for(mechanisms)) as runner:
            runner.run(serve(settings, mechanisms))
    except ConfigurationError as exc:
        return fail(exc)
    return 0


if __name__ == "__main__":
    sys.exit(main())
