"""Loops that restart, and the errors that end them."""

import asyncio

import pytest
import structlog.testing

from shared.common.service import metrics
from shared.common.service.errors import ConfigurationError
from shared.common.service.lifecycle import restarting, run_loops
from shared.common.service.retry import RetryPolicy

AT_ONCE = RetryPolicy(base=0.001, cap=0.002)


def restarts(name: str) -> float:
    return float(metrics.LOOP_RESTARTS.labels(name)._value.get())


async def test_a_restart_after_an_unknown_error_is_logged_and_counted() -> None:
    stop = asyncio.Event()
    begun = 0
    recovered = asyncio.Event()

    async def stumbling(stop: asyncio.Event) -> None:
        nonlocal begun
        begun += 1
        if begun <= 3:
            raise ZeroDivisionError
        recovered.set()
        await stop.wait()

    async def other(stop: asyncio.Event) -> None:
        await recovered.wait()
        assert not stop.is_set()
        stop.set()

    before = restarts("stumbling")
    with structlog.testing.capture_logs() as records:
        await run_loops((restarting("stumbling", stumbling, AT_ONCE), other), stop)
    assert begun == 4
    assert restarts("stumbling") - before == 3
    logged = [record for record in records if record["event"] == "loop.restarting"]
    assert [(record["loop"], record["log_level"]) for record in logged] == [("stumbling", "error")] * 3


@pytest.mark.parametrize("error", [ConfigurationError("the schema is older"), asyncio.CancelledError(), SystemExit(3)])
async def test_some_errors_still_end_a_loop(error: BaseException) -> None:
    async def ending(_: asyncio.Event) -> None:
        raise error

    with pytest.raises(type(error)):
        await restarting("ending", ending, AT_ONCE)(asyncio.Event())


async def test_a_stop_ends_the_wait_for_a_restart() -> None:
    stop = asyncio.Event()

    async def failing(_: asyncio.Event) -> None:
        stop.set()
        raise ZeroDivisionError

    await asyncio.wait_for(restarting("failing", failing, RetryPolicy(base=3600, cap=3600))(stop), timeout=10)


async def test_a_loop_without_restart_ends_the_others() -> None:
    async def failing(_: asyncio.Event) -> None:
        raise ZeroDivisionError

    async def waiting(stop: asyncio.Event) -> None:
        await stop.wait()

    with pytest.raises(ZeroDivisionError):
        await run_loops((restarting("waiting", waiting), failing), asyncio.Event())
