"""A box whose program cannot begin is ended, and an order that the keeper could not read is not sent."""

import asyncio
import contextlib
import fcntl
import os
import resource
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from executor.sandbox.base import File, Job, SandboxFailure, Step, Template
from executor.sandbox.box import Box
from executor.sandbox.keeper import channel
from executor.sandbox.keeper.box import WatchedBox
from executor.sandbox.keeper.protocol import (
    MAX_PACKET,
    Begin,
    BoxGone,
    BoxReady,
    StepLimits,
    StepReport,
    to_words,
)
from executor.sandbox.link import KeeperLink, Mechanisms

_LIMITS = StepLimits(1, 1, 1 << 20, 1, 1, 1, 1)
_TEMPLATE = Template(1 << 20, _LIMITS)


class _Deaf:
    """Takes no order, but ends boxes."""

    def __init__(self) -> None:
        self.box: Box | None = None

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)
        raise SandboxFailure("too large")

    def kill(self, box: int) -> None:
        assert self.box
        self.box.hear(BoxGone(box))


async def test_one_that_cannot_begin_is_ended() -> None:
    link = _Deaf()
    link.box = box = Box(1, 0, _TEMPLATE, link)
    with pytest.raises(SandboxFailure, match="too large"):
        await box.run(Job({}, (Step(("/bin/true",), {}, _LIMITS, 1000),), _TEMPLATE))
    assert box.gone.done()


async def test_a_word_that_holds_a_nul_is_a_failure_that_leaves_nothing_open() -> None:
    link = _Deaf()
    link.box = box = Box(1, 0, _TEMPLATE, link)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SandboxFailure, match="NUL"):
        await box.run(Job({}, (Step(("/bin/true", "\0"), {}, _LIMITS, 1000),), _TEMPLATE))
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before


class _Quick:
    """A keeper whose program has written and ended, and whose box is gone, when it is told to begin."""

    box: Box

    async def send(self, packet: bytes, descriptors: list[int]) -> None:
        stdout = descriptors[1]
        os.write(stdout, b"output")
        for descriptor in descriptors:
            os.close(descriptor)
        self.box.hear(StepReport(1, 0, 0, None, 0.0, 0.0, 0, None, last=True))
        self.box.hear(BoxGone(1))

    def kill(self, box: int) -> None:
        raise AssertionError


async def test_all_output_is_read_before_the_pipes_are_closed() -> None:
    link = _Quick()
    link.box = box = Box(1, 0, _TEMPLATE, link)
    before = len(os.listdir("/proc/self/fd"))
    (ended,) = await box.run(Job({"f": File(b"")}, (Step(("/bin/true",), {}, _LIMITS, 1000),), _TEMPLATE))
    assert ended.stdout == b"output"
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_an_order_too_large_for_a_packet_is_refused() -> None:
    link = KeeperLink(Mechanisms(Path("bwrap"), False, None, None), lambda report: None, lambda reason: None, 1)
    with pytest.raises(SandboxFailure, match="too large"):
        await link.send(bytes(MAX_PACKET + 1), [])


def _run() -> tuple[WatchedBox, socket.socket]:
    ours, init = channel.pair()
    return WatchedBox(1, ours, None, None), init


def test_a_box_that_never_stands_is_ended_and_says_so() -> None:
    run, init = _run()
    with init:
        run.spawned(1, -1)
        assert time.monotonic() < run.next_look < float("inf")
        run.look()
        assert [*run.close()] == [BoxGone(1, "the box did not stand within 120 s")]


def test_a_box_that_the_kernel_does_not_end_is_killed_and_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda process, number: killed.append(number))
    run, init = _run()
    with init:
        run.spawned(1, os.pidfd_open(os.getpid()))
        run.stop("killed")
        assert killed == [signal.SIGKILL]
        assert time.monotonic() < run.next_look <= time.monotonic() + 30
        run.look()
        assert run.lingers
        assert [*run.close()] == [BoxGone(1, "its processes did not end within 30 s of being killed")]


def test_a_box_that_does_not_end_after_its_program_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run, init, _ = _compiling(monkeypatch)
    killed: list[WatchedBox] = []
    monkeypatch.setattr(WatchedBox, "_kill", lambda run: killed.append(run))
    with init:
        init.send(b"step 0 1 0.25 0.5 1000")
        (report,) = run.hear()
        assert isinstance(report, StepReport)
        assert report.last
        run.look()  # lets it go
        assert killed == []
        assert time.monotonic() < run.next_look < float("inf")
        run.look()
        assert killed == [run]
        init.close()
        assert [*run.close()] == [BoxGone(1)]


def test_a_box_that_stands_may_wait_for_its_program_as_long_as_it_takes() -> None:
    run, init = _run()
    with init:
        run.spawned(1, os.pidfd_open(os.getpid()))
        init.send(to_words("ready")[:-1])
        assert [*run.hear()] == [BoxReady(1)]
        assert run.next_look == float("inf")
        init.close()
        assert isinstance([*run.close()][-1], BoxGone)


def test_a_box_is_taken_down_after_the_executor_has_heard_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the kernel long, and the answer goes first."""
    run, init, _ = _compiling(monkeypatch)
    with init:
        init.send(b"step 0 1 0 0 1000")
        (report,) = run.hear()
        assert isinstance(report, StepReport)
        assert report.last
        assert run.next_look < time.monotonic() + 0.01
        _drain(init)
        assert not channel.is_readable(init.fileno())
        run.look()
        assert init.recv(1) == b""
        assert time.monotonic() + 1 < run.next_look < float("inf")
        init.close()
        assert isinstance([*run.close()][-1], BoxGone)


def _drain(init: socket.socket) -> None:
    """Drop what process 1 has been told at the begin."""
    while channel.is_readable(init.fileno()):
        init.recv(MAX_PACKET)


class _Tree:
    """A box where processes have used so many seconds of CPU time."""

    used_s = 0.0

    def sample(self) -> dict[tuple[int, str], Any]:
        return {(2, "1"): SimpleNamespace(own=self.used_s, waited=0.0, resident=0, tables=0, running=0.0)}

    def stored(self) -> int:
        return 0

    def listed(self, most: int) -> int:
        return 0

    def kernel(self) -> int:
        return 0

    def close(self) -> None:
        pass


def _compiling(monkeypatch: pytest.MonkeyPatch) -> tuple[WatchedBox, socket.socket, _Tree]:
    """In a box without cgroups, with a second step to come; each may use one second of CPU time. It is not killed."""
    tree = _Tree()
    monkeypatch.setattr(WatchedBox, "_open_tree", lambda run: tree)
    monkeypatch.setattr(WatchedBox, "_kill", lambda run: None)
    run, init = _run()
    run.spawned(1, os.pidfd_open(os.getpid()))
    init.send(b"ready")
    run.begin(Begin(1, (_LIMITS, _LIMITS), b""), [])
    assert [*run.hear()] == [BoxReady(1)]
    return run, init, tree


def test_what_a_step_uses_is_not_laid_to_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process 1 starts the next once it has told of the end of one, which a keeper on a loaded machine hears late."""
    run, init, tree = _compiling(monkeypatch)
    with init:
        init.send(b"step 0 0 0.25 0.5 1000")
        tree.used_s = 60
        run.look()
        (report,) = run.hear()
        assert isinstance(report, StepReport)
        assert (report.step, report.cpu_s, report.stopped, report.last) == (0, 0.25, None, False)
        init.send(b"step 1 0 60 60 1000")
        (report,) = run.hear()
        assert isinstance(report, StepReport)
        assert (report.step, report.cpu_s, report.stopped, report.last) == (1, 60, "cpu", True)
        init.close()
        assert isinstance([*run.close()][-1], BoxGone)


def test_a_process_1_that_is_on_its_way_out_is_not_looked_at_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    run, init, _ = _compiling(monkeypatch)
    init.close()
    assert [*run.hear()] == []
    run.next_look = 0.0
    run.look()
    assert run.silent
    assert run.next_look > 0.0
    assert isinstance([*run.close()][-1], BoxGone)


def test_a_descriptor_may_have_a_high_number() -> None:
    """A keeper of many boxes has more than the 1024 that select(2) knows."""
    ours, theirs = channel.pair()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        high = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with ours, theirs, socket.socket(fileno=high):
        assert not channel.is_readable(high)
        theirs.send(b"word")
        assert channel.is_readable(high)


def test_what_a_step_uses_is_laid_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    run, init, tree = _compiling(monkeypatch)
    with init:
        tree.used_s = 60
        run.look()
        init.send(b"step 0 -9 60 60 1000")
        (report,) = run.hear()
        assert isinstance(report, StepReport)
        assert (report.step, report.cpu_s, report.stopped, report.last) == (0, 60, "cpu", True)
        init.close()
        assert isinstance([*run.close()][-1], BoxGone)


async def test_a_kill_that_finds_the_keeper_busy_comes_through_later() -> None:
    ours, keeper = channel.pair()
    ours.setblocking(False)
    link = KeeperLink(Mechanisms(Path("bwrap"), False, None, None), lambda report: None, lambda reason: None, 1)
    link._socket = ours
    with ours, keeper:
        waiting = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(b"{}")
                waiting += 1
        link.kill(7)
        for _ in range(waiting):
            keeper.recv(MAX_PACKET)
        keeper.setblocking(False)
        loop = asyncio.get_running_loop()
        assert await asyncio.wait_for(loop.sock_recv(keeper, MAX_PACKET), 5) == b'{"kill": 7}'
