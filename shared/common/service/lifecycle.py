"""Runs a service: composes it, and runs its loops until a signal asks it to stop.

An unexpected error in a loop ends the process, unless the loop is `restarting`.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import uvloop

from shared.common.service import metrics
from shared.common.service.background import wait_any
from shared.common.service.errors import ConfigurationError, StoreUnavailable
from shared.common.service.logging import LogSettings, configure_logging, get_logger
from shared.common.service.retry import RetryPolicy
from shared.common.service.settings import fail, load
from shared.common.service.stop_signals import run_until_stop_signal

log = get_logger(__name__)

#: The longest delay is a third of the default lease, so no job is lost when a heartbeat restarts.
_RESTARTS: Final = RetryPolicy(base=0.2, cap=5)

#: A loop takes the stop event, and returns soon after it is set.
Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def run_service(name: str, serve: Loop) -> int:
    """Run a service until a stop signal, and return the exit code. `serve` composes and runs it."""
    try:
        configure_logging(name, load(LogSettings))
        metrics.SERVICE.labels(name).set(1)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_until_stop_signal(serve))
    except ConfigurationError as exc:
        return fail(exc)
    except StoreUnavailable as exc:
        # Its credentials are not there yet. Unlike after EX_CONFIG, the service is started again.
        fail(exc)
        return os.EX_TEMPFAIL
    return 0


def restarting(name: str, loop: Loop, policy: RetryPolicy = _RESTARTS) -> Loop:
    """Return the same loop, restarted with backoff after an unhandled error, which is logged and counted.

    `ConfigurationError` still ends the loop, because only the operator can help.
    """
    restarts = metrics.LOOP_RESTARTS.labels(name)  # now, so that an alert sees the first one as an increase

    async def run(stop: asyncio.Event) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            try:
                return await loop(stop)
            except ConfigurationError:
                raise
            except Exception:
                failures = 1 if time.monotonic() - started > policy.cap else failures + 1
                delay = policy.delay(failures)
                restarts.inc()
                log.exception("loop.restarting", loop=name, next_try_s=round(delay, 1))
            await wait_any(stop, timeout=delay)
            if stop.is_set():
                return None

    return run


async def run_loops(loops: Iterable[Loop], stop: asyncio.Event) -> None:
    """Run all loops until `stop` is set. If one fails, stop the others and raise its error."""
    tasks = [asyncio.ensure_future(loop(stop)) for loop in loops]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        task.result()
