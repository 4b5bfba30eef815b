"""The clock of a step: its wall limit is stretched on a loaded machine, and checks come sooner near a limit."""

import time
from dataclasses import replace

import pytest

from executor.sandbox.base import StepLimits
from executor.sandbox.keeper import step_clock
from executor.sandbox.keeper.step_clock import StepClock

_LIMITS = StepLimits(cpu_s=10, wall_s=20, memory_bytes=1, processes=1, open_files=1, file_bytes=1, stack_bytes=1)


@pytest.fixture(autouse=True)
def start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the time at 100 s, on a machine with one processor."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(step_clock, "PROCESSORS", 1)


def test_limit_expires_after_wall_seconds() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert not clock.has_expired(119.9)
    assert clock.has_expired(120.0)


def test_time_spent_waiting_for_a_processor_does_not_count() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert clock.stretch(120.0, waited_s=5.0)
    assert not clock.has_expired(124.9)
    assert clock.has_expired(125.0)
    assert not clock.stretch(125.0, waited_s=5.0)


def test_a_waiting_program_ends_after_twenty_times_its_limit() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert clock.stretch(500.0, waited_s=1000.0)
    assert not clock.stretch(500.1, waited_s=1000.0)


def test_the_clock_stands_still_while_a_judge_works() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert clock.stretch(1000.0, waited_s=0.0, judge_s=885.0)
    assert not clock.has_expired(1004.9)
    assert clock.has_expired(1005.0)
    assert not clock.stretch(1005.0, waited_s=0.0, judge_s=885.0)


def test_a_judge_on_several_processors_gives_at_most_all_time() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert clock.stretch(120.0, waited_s=0.0, judge_s=100.0)
    assert clock.has_expired(140.0)


def test_the_clock_runs_while_program_and_judge_both_compute() -> None:
    clock = StepClock(_LIMITS, is_sampled=False)
    assert clock.stretch(130.0, waited_s=30.0, judge_s=30.0, cpu_s=18.0)
    assert clock.has_expired(132.0)
    assert not clock.stretch(134.0, waited_s=34.0, judge_s=34.0, cpu_s=21.0)


def test_a_paused_clock_counts_from_its_resumption(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StepClock(_LIMITS, is_sampled=False, is_paused=True)
    assert not clock.has_expired(1e9)
    assert clock.next_check(100.0, 0.0, 0.0) == pytest.approx(100.05)
    monkeypatch.setattr(time, "monotonic", lambda: 500.0)
    clock.resume()
    assert not clock.has_expired(519.9)
    assert clock.has_expired(520.0)


@pytest.mark.parametrize(
    ("is_sampled", "now", "cpu_s", "cost_s", "pause_s"),
    [
        (False, 100.0, 0.0, 0.0, 0.05),
        (True, 100.0, 0.0, 0.0, 0.01),
        (False, 100.0, 9.98, 0.0, 0.02),
        (False, 119.97, 0.0, 0.0, 0.03),
        (False, 119.999, 0.0, 0.0, 0.005),
        (False, 100.0, 0.0, 0.015, 0.06),
        (False, 100.0, 0.0, 0.5, 0.55),
    ],
    ids=["idle", "sampled", "near cpu", "near wall", "at least 5 ms", "four times its cost", "at most 50 ms more"],
)
def test_next_check(is_sampled: bool, now: float, cpu_s: float, cost_s: float, pause_s: float) -> None:
    clock = StepClock(_LIMITS, is_sampled=is_sampled)
    assert clock.next_check(now, cpu_s, cost_s) - now == pytest.approx(pause_s)


def test_cpu_time_may_be_used_on_all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_clock, "PROCESSORS", 4)
    clock = StepClock(replace(_LIMITS, cpu_s=0.16), is_sampled=False)
    assert clock.next_check(100.0, 0.0, 0.0) == pytest.approx(100.04)
