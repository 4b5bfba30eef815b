"""A process that does nothing is found to hang. One that is slow is not, and is waited for longer."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from executor.sandbox import vitals
from executor.sandbox.vitals import Vitals, Watch, descendants
from tests.waiting import eventually_sync

_PATIENCE_S = 0.004


async def _looks(moves: Iterator[bool]) -> int:
    """How often a watch has looked when it gives up."""
    over = asyncio.Event()
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return next(moves)

    Watch(_PATIENCE_S, look, over.set)
    async with asyncio.timeout(10):
        await over.wait()
    return looks


async def test_what_does_not_move_is_given_up_after_some_looks() -> None:
    assert await _looks(iter([False] * 100)) == vitals._MOST_IDLE


async def test_a_move_begins_the_wait_again() -> None:
    assert await _looks(iter([False, False, False, True] + [False] * 100)) == 4 + vitals._MOST_IDLE


async def test_what_moves_and_never_does_its_part_is_given_up_in_the_end() -> None:
    assert await _looks(iter([True] * 1000)) == vitals._MOST_LOOKS


async def test_a_watch_that_is_stopped_gives_nothing_up() -> None:
    given_up = []
    watch = Watch(_PATIENCE_S, lambda: False, lambda: given_up.append(True))
    watch.stop()
    assert await _looks(iter([False] * 100)) == vitals._MOST_IDLE  # of another
    assert given_up == []


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[int]:
    with subprocess.Popen(["sh", "-c", request.param]) as process:
        yield process.pid
        process.kill()


def _has_moved_at_all(process: int) -> bool:
    """Of two looks, once it is what it is to be."""
    looked_at = Vitals(lambda: [process])
    looked_at.have_moved()
    return looked_at.have_moved()


@pytest.mark.parametrize("process", ["exec sleep 60"], indirect=True)
def test_what_sleeps_does_not_move(process: int) -> None:
    eventually_sync(lambda: not _has_moved_at_all(process))


@pytest.mark.parametrize("process", ["while true; do true; done"], indirect=True)
def test_what_computes_moves_until_it_is_stopped(process: int) -> None:
    for _ in range(10):
        assert _has_moved_at_all(process)
    os.kill(process, signal.SIGSTOP)
    eventually_sync(lambda: not _has_moved_at_all(process))


@pytest.mark.parametrize("process", ["sh -c 'sleep 60 & wait' & wait"], indirect=True)
def test_descendants_are_found_below_one_another(process: int) -> None:
    eventually_sync(lambda: len([*descendants(process)]) == 2)


@pytest.mark.parametrize(("state", "moves"), [("R", True), ("D", True), ("S", False), ("T", False), ("Z", False)])
def test_what_waits_for_a_processor_or_inside_the_kernel_is_slow(
    state: str, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that start others without a pause lock their /proc/PID/maps, and the keeper reads it."""
    monkeypatch.setattr(vitals, "_state", lambda pid: f"{pid} (a (name)) {state} 1 1".encode())
    looked_at = Vitals(lambda: [1])
    looked_at.have_moved()
    assert looked_at.have_moved() is moves


def test_a_process_that_is_gone_does_not_move() -> None:
    looked_at = Vitals(lambda: [1 << 30])
    looked_at.have_moved()
    assert not looked_at.have_moved()
