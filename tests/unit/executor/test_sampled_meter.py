"""The meter of hosts without cgroups, over a tree of processes that is made up."""

import socket
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from executor.sandbox.base import StepLimits
from executor.sandbox.keeper import processes
from executor.sandbox.keeper.box import WatchedBox
from executor.sandbox.keeper.meter import Usage
from executor.sandbox.keeper.processes import ProcessTree, SampledMeter, _Process
from executor.sandbox.keeper.protocol import Begin

_MIB = 1 << 20
_LIMITS = StepLimits(10.0, 20.0, 512 * _MIB, 128, 128, _MIB, _MIB)


@dataclass
class _Tree:
    living: dict[tuple[int, str], _Process] = field(default_factory=dict)
    shared_once: int = 0
    walks: int = 0

    def sample(self) -> dict[tuple[int, str], _Process]:
        return dict(self.living)

    def proportional(self) -> int:
        self.walks += 1
        return self.shared_once

    def stored(self) -> int:
        return 0

    def kernel(self) -> int:
        return 0

    def listed(self, most: int) -> int:
        return 0


def _meter(tree: _Tree) -> SampledMeter:
    meter = SampledMeter(cast(ProcessTree, tree))
    meter.begin(_LIMITS, waited=False)
    return meter


def _resident(count: int, mib: int) -> dict[tuple[int, str], _Process]:
    return {(pid, "0"): _Process(0.0, 0.0, mib * _MIB) for pid in range(2, 2 + count)}


def test_what_processes_share_counts_once() -> None:
    tree = _Tree(shared_once=300 * _MIB)
    meter = _meter(tree)
    tree.living = _resident(8, 280)
    assert meter.sample() == Usage(0.0, 300 * _MIB, exhausted=False)
    assert tree.walks == 1


def test_more_than_can_be_added_up_in_time_is_too_much() -> None:
    tree = _Tree(shared_once=300 * _MIB)
    meter = _meter(tree)
    tree.living = _resident(120, 280)
    assert meter.sample().exhausted
    assert tree.walks == 0


def test_children_that_are_seen_once_count_for_the_time_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tree = _Tree()
    meter = _meter(tree)
    for child in range(2, 302):
        now += 0.01
        # One of which a look has found a tenth of a millisecond, having had half of its time.
        tree.living = {(child, "0"): _Process(0.0001, 0.0, running=0.5)}
        used = meter.sample().cpu_s
    assert used == pytest.approx(300 * 0.01 * 0.5 * processes._SURE, rel=0.1)


def test_a_process_that_stays_is_not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tree = _Tree()
    meter = _meter(tree)
    for look in range(300):
        now += 0.01
        tree.living = {(2, "0"): _Process(0.001 * look, 0.0, running=1.0)}
        used = meter.sample().cpu_s
    assert used == pytest.approx(0.299)


class _SlowMeter:
    """Takes half a second of CPU time to look."""

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        pass

    def sample(self) -> Usage:
        return Usage(0.0, 0)


def test_a_box_that_is_slow_to_look_at_is_not_left_alone_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter((0.0, 0.5))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        run = WatchedBox(1, ours, cast(SampledMeter, _SlowMeter()), lambda step, limits: pytest.fail("no step follows"))
        run.begin(Begin(1, (_LIMITS,), b"words"), [])
        theirs.send(b"ready")
        run.process = ours.fileno()
        list(run.hear())
        monkeypatch.setattr(time, "thread_time", lambda: next(spent))
        monkeypatch.setattr(WatchedBox, "_fills_buffers", lambda self: False)
        before = time.monotonic()
        run.look()
        assert run.next_look - before < 0.6
