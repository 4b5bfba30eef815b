"""The watch gives up on a process that hangs, and waits longer for one that is slow."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from executor.sandbox import progress
from executor.sandbox.keeper.process_tree import descendants
from executor.sandbox.progress import ProcessActivity, ProgressWatch
from tests.waiting import eventually_sync

_PATIENCE_S = 0.004


async def _checks_until_it_gives_up(answers: Iterator[bool]) -> int:
    over = asyncio.Event()
    checks = 0

    def has_progressed() -> bool:
        nonlocal checks
        checks += 1
        return next(answers)

    ProgressWatch(_PATIENCE_S, has_progressed, over.set)
    async with asyncio.timeout(10):
        await over.wait()
    return checks


async def test_watch_gives_up_after_some_checks_without_progress() -> None:
    assert await _checks_until_it_gives_up(iter([False] * 100)) == progress._MAX_IDLE_CHECKS


async def test_progress_starts_the_wait_over() -> None:
    answers = iter([False, False, False, True] + [False] * 100)
    assert await _checks_until_it_gives_up(answers) == 4 + progress._MAX_IDLE_CHECKS


async def test_watch_gives_up_in_the_end_despite_progress() -> None:
    assert await _checks_until_it_gives_up(iter([True] * 1000)) == progress._MAX_CHECKS


async def test_a_stopped_watch_does_not_give_up() -> None:
    calls = []
    watch = ProgressWatch(_PATIENCE_S, lambda: False, lambda: calls.append(True))
    watch.stop()
    assert await _checks_until_it_gives_up(iter([False] * 100)) == progress._MAX_IDLE_CHECKS  # by another watch
    assert calls == []


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[int]:
    with subprocess.Popen(["sh", "-c", request.param]) as process:
        yield process.pid
        process.kill()


def _is_active(process: int) -> bool:
    """Return the second of two answers, because the first compares with nothing."""
    activity = ProcessActivity(lambda: [process])
    activity.has_changed()
    return activity.has_changed()


@pytest.mark.parametrize("process", ["while true; do true; done"], indirect=True)
def test_a_computing_process_is_active_until_it_is_stopped(process: int) -> None:
    for _ in range(10):
        assert _is_active(process)
    os.kill(process, signal.SIGSTOP)
    eventually_sync(lambda: not _is_active(process))


@pytest.mark.parametrize("process", ["sh -c 'sleep 60 & wait' & wait"], indirect=True)
def test_descendants_include_grandchildren(process: int) -> None:
    eventually_sync(lambda: len([*descendants(process)]) == 2)


@pytest.mark.parametrize(("state", "is_active"), [("R", True), ("D", True), ("S", False), ("T", False), ("Z", False)])
def test_waiting_for_a_processor_or_in_the_kernel_is_activity(
    state: str, is_active: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that start others without a pause lock their /proc/PID/maps, and the keeper reads it."""
    monkeypatch.setattr(progress, "_state", lambda pid: f"{pid} (a (name)) {state} 1 1".encode())
    assert _is_active(1) is is_active


def test_a_process_that_has_ended_is_not_active() -> None:
    assert not _is_active(1 << 30)
