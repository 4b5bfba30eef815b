"""`python -m executor`: reads the settings, starts the sandbox, checks that it isolates programs, and serves."""

import asyncio
import contextlib
import selectors
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvloop
from starlette.applications import Starlette

from executor import wire
from executor.app import create_app
from executor.catalogue.chosen import Chosen, find_chosen
from executor.catalogue.find import examine, look_again
from executor.doctor import language_check, probes, remedies
from executor.doctor.facts import read_facts
from executor.host import TooFewIds, find_mechanisms, fit_to_host, memory_of_programs
from executor.pipeline.plan import cold_box
from executor.pipeline.run import Pipeline
from executor.runs import ANSWER_SECONDS, GRACE_SECONDS, Runs
from executor.sandbox.base import SandboxFailure, raise_file_limit
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.settings import ExecutorSettings
from executor.slots import Slots
from executor.unit_tests.run import UnitTester
from executor.warm import headers
from executor.warm.warm import Warm
from shared.common.http.connections import ConnectionLimits
from shared.common.http.loopback import is_loopback
from shared.common.http.server import listening_socket, serve_http
from shared.common.service.background import in_background
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging, get_logger
from shared.common.service.settings import fail, load
from shared.common.service.stop_signals import INTERRUPTED, run_until_stop_signal

log = get_logger("executor")

#: A program is in its request's body, so the head can be small. Runners behind one gateway share an address.
_CONNECTIONS = ConnectionLimits(head_bytes=16384, max_per_address=256)


async def serve(settings: ExecutorSettings, mechanisms: Mechanisms, chosen: Chosen) -> None:
    sandbox = BubblewrapSandbox(mechanisms)
    try:
        await _check_isolation(sandbox, settings)
        installed, _ = await examine(sandbox, settings.executor_slots, chosen)
        wire.language_list(installed, settings)  # a command with an unknown name stops the start
        sandbox.keep_ready(cold_box(settings), settings.warm_boxes, settings.tuning.warm_idle_s)
        slots = Slots(
            settings.executor_slots,
            settings.tuning.queue,
            settings.express_slots,
            memory_of_programs(),
            settings.places,
        )
        warm = Warm(sandbox, settings, tuple(installed.values()), mechanisms.runtimes)
        runs = Runs()
        tester = UnitTester(sandbox, settings, warm)
        app = create_app(settings, Pipeline(sandbox, settings, warm), slots, installed, runs, tester)
        # Without warm runtimes, which would be started although no request needs them.
        check = partial(language_check.mark_faults, Pipeline(sandbox, settings), installed, slots)
        with listen(settings) as listener:
            async with (
                contextlib.aclosing(warm),
                in_background(look_again(sandbox, installed, chosen)),
                in_background(headers.make(sandbox, installed.values(), mechanisms.headers)),
                in_background(check()) if settings.tuning.check_languages else contextlib.nullcontext(),
            ):
                log.info("executor.starting", address=listener.getsockname()[:2])
                await run_until_stop_signal(
                    partial(_serve_until, app=app, runs=runs, listener=listener, message_bytes=settings.max_body_bytes)
                )
    finally:
        await sandbox.aclose()


async def _serve_until(
    stop: asyncio.Event, *, app: Starlette, runs: Runs, listener: socket.socket, message_bytes: int
) -> None:
    """Serve until `stop`, and then until no run is under way. Meanwhile new ones are refused."""
    no_runs = asyncio.Event()

    async def end_runs() -> None:
        await stop.wait()
        log.info("executor.stopping", seconds=GRACE_SECONDS)
        try:
            await runs.stop(GRACE_SECONDS)
        finally:
            no_runs.set()

    async with in_background(end_runs()):
        await serve_http(
            app, listener, no_runs, limits=_CONNECTIONS, grace_seconds=ANSWER_SECONDS, message_bytes=message_bytes
        )


async def _check_isolation(sandbox: BubblewrapSandbox, settings: ExecutorSettings) -> None:
    """Try to break out of the sandbox. Raises `ConfigurationError` if that works, or if the sandbox does not start."""
    try:
        await sandbox.start()
        findings = await probes.probe(sandbox, settings.executor_slots)
    except SandboxFailure as exc:
        remedy = remedies.remedy(read_facts(sandbox.mechanisms))
        raise ConfigurationError(f"The sandbox does not start on this host ({exc}). {remedy}") from exc
    broken = [finding for finding in findings if not finding.held]
    for finding in broken:
        log.warning("selftest.failed", guarantee=finding.guarantee, essential=finding.essential, detail=finding.detail)
    failed = [finding.guarantee for finding in broken if finding.essential]
    if failed and not settings.executor_unsafe_serve_without_isolation:
        remedy = remedies.known_remedy(read_facts(sandbox.mechanisms))
        raise ConfigurationError(
            f"The sandbox does not isolate programs on this host. Failed checks: {'; '.join(failed)}. "
            f"{remedy or 'Run `python -m executor.doctor` for details.'}"
        )
    if failed:
        log.error("executor.unsafe", not_held=failed)


def listen(settings: ExecutorSettings) -> socket.socket:
    """Return a listening socket. Raises `ConfigurationError` if the network could reach it without a token."""
    host = settings.executor_host
    if settings.codex_token is None and not is_loopback(host):
        raise ConfigurationError(
            f"PRECIEUX_EXECUTOR_HOST is {host}, which others can reach, and without a token anyone can run programs:"
            " set PRECIEUX_CODEX_TOKEN to a secret that clients send, or PRECIEUX_EXECUTOR_HOST to 127.0.0.1"
        )
    return listening_socket(host, settings.executor_port, setting="PRECIEUX_EXECUTOR_HOST and PRECIEUX_EXECUTOR_PORT")


def _new_loop_for(mechanisms: Mechanisms) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop, or a loop over poll(2) if programs share our user.

    Such a program can use up the user's epoll(7) watches, and libuv then ends the process. A loop over poll(2) needs no
    watches (ADR 13).
    """
    if mechanisms.own_users:
        return uvloop.new_event_loop
    return lambda: asyncio.SelectorEventLoop(selectors.PollSelector())


def main(**tuning: Any) -> int:
    try:
        settings = load(ExecutorSettings).tuned(**tuning)
        configure_logging("executor", load(LogSettings))
        raise_file_limit()
        chosen = find_chosen(settings)
        mechanisms = find_mechanisms(settings, chosen.folders)
        settings = fit_to_host(settings, mechanisms)
        with asyncio.Runner(loop_factory=_new_loop_for(mechanisms)) as runner:
            runner.run(serve(settings, mechanisms, chosen))
    except TooFewIds as exc:
        return fail(ConfigurationError(f"{exc}. {remedies.REMEDY_FOR_IDS}"))
    except ConfigurationError as exc:
        return fail(exc)
    except KeyboardInterrupt:  # before it served
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
