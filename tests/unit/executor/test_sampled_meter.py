"""The meter of hosts without cgroups, with a fake tree of processes."""

import os
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from executor.sandbox.base import StepLimits
from executor.sandbox.keeper import sampled_meter
from executor.sandbox.keeper.meter import ResourceUsage
from executor.sandbox.keeper.process_tree import Process, ProcessTree
from executor.sandbox.keeper.sampled_meter import SampledMeter
from executor.sandbox.keeper.step_clock import PROCESSORS
from executor.settings import MIB
from tests.waiting import eventually_sync

_LIMITS = StepLimits(10.0, 20.0, 512 * MIB, 128, 128, MIB, MIB)


@dataclass
class _Tree:
    living: dict[tuple[int, str], Process] = field(default_factory=dict)
    shared_once: int = 0
    walks: int = 0

    def sample(self) -> dict[tuple[int, str], Process]:
        return dict(self.living)

    def proportional_bytes(self) -> int:
        self.walks += 1
        return self.shared_once

    def file_bytes(self) -> int:
        return 0

    kernel = SimpleNamespace(held_bytes=lambda: 0)
    listed = SimpleNamespace(held_bytes=lambda limit: 0)


def _meter(tree: _Tree) -> SampledMeter:
    meter = SampledMeter(cast(ProcessTree, tree))
    meter.begin(_LIMITS)
    return meter


def _resident(count: int, mib: int) -> dict[tuple[int, str], Process]:
    return {(pid, "0"): Process(0.0, 0.0, mib * MIB) for pid in range(2, 2 + count)}


def test_shared_memory_counts_once() -> None:
    tree = _Tree(shared_once=300 * MIB)
    meter = _meter(tree)
    tree.living = _resident(8, 280)
    assert meter.sample() == ResourceUsage(0.0, 300 * MIB, exhausted=False)
    assert tree.walks == 1


def test_memory_beyond_what_can_be_read_in_time_is_too_much() -> None:
    tree = _Tree(shared_once=300 * MIB)
    meter = _meter(tree)
    tree.living = _resident(120, 280)
    assert meter.sample().exhausted
    assert tree.walks == 0


def test_a_slow_read_does_not_hold_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = _Tree()
    may_end = threading.Event()

    def read() -> int:
        may_end.wait(10)
        return 600 * MIB

    monkeypatch.setattr(tree, "proportional_bytes", read)
    meter = _meter(tree)
    tree.living = _resident(8, 280)
    assert not meter.sample().exhausted
    may_end.set()
    eventually_sync(lambda: meter.sample().exhausted)


def test_short_lived_children_count_for_a_whole_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tree = _Tree()
    meter = _meter(tree)
    for child in range(2, 302):
        now += 0.01
        # The sample finds a tenth of a millisecond, and half of the time on a processor.
        tree.living = {(child, "0"): Process(0.0001, 0.0, running=0.5)}
        used = meter.sample().cpu_s
    assert used == pytest.approx(300 * 0.01 * 0.5 * sampled_meter._ESTIMATE_WEIGHT, rel=0.1)


def test_an_estimate_is_no_more_than_all_processors_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a sample that is late because the machine is busy."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tree = _Tree()
    meter = _meter(tree)
    now += 2.0
    tree.living = {(child, "0"): Process(0.001, 0.0, running=1.0) for child in range(2, 130)}
    meter.sample()
    tree.living = {}
    assert meter.sample().cpu_s == pytest.approx(0.128 + sampled_meter._ESTIMATE_WEIGHT * 2.0 * PROCESSORS, rel=0.1)


def test_a_lasting_process_is_not_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    tree = _Tree()
    meter = _meter(tree)
    for sample in range(300):
        now += 0.01
        tree.living = {(2, "0"): Process(0.001 * sample, 0.0, running=1.0)}
        used = meter.sample().cpu_s
    assert used == pytest.approx(0.299)


def test_a_tree_of_a_process_without_a_box_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process 1 may end between two calls of the keeper."""
    as_usual = os.open

    def without_box(path: str, flags: int) -> int:
        return as_usual("/nothing" if path.endswith("/root/box") else path, flags)

    monkeypatch.setattr(os, "open", without_box)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(FileNotFoundError):
        ProcessTree(os.getpid())
    assert os.listdir("/proc/self/fd") == before
