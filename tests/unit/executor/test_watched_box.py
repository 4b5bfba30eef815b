"""The keeper's side of a box: what it reports, and when it kills the box."""

import fcntl
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import pytest

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.box import WatchedBox
from executor.sandbox.keeper.protocol import MAX_PACKET, Begin, BoxGone, BoxReady, StepReport
from executor.sandbox.keeper.words import StepEnd
from tests.fixtures.step_limits import TINY

_NEVER = float("inf")
_Pair: TypeAlias = tuple[WatchedBox, WatchedBox, socket.socket]


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The ends of the keeper and of process 1."""
    ours, init = channel.pair()
    with ours, init:
        yield ours, init


@pytest.fixture
def box(sockets: tuple[socket.socket, socket.socket]) -> WatchedBox:
    return WatchedBox(1, sockets[0], None)


@pytest.fixture
def init(sockets: tuple[socket.socket, socket.socket]) -> socket.socket:
    return sockets[1]


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that the keeper sends to process 1. They are recorded, not sent."""
    signals: list[int] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda process, number: signals.append(number))
    return signals


class _Tree:
    """A box whose processes have used so many seconds of CPU time."""

    used_s = 0.0
    #: For each question, the last first, whether a thread has a processor or waits for one.
    runnable: ClassVar[list[bool]] = []
    #: For each look, the last first, the seconds for which a thread that lives has waited for a processor.
    waits: ClassVar[list[float]] = []
    kernel = SimpleNamespace(held_bytes=lambda: 0)
    listed = SimpleNamespace(held_bytes=lambda limit: 0)

    def sample(self) -> dict[tuple[int, str], Any]:
        return {(2, "1"): SimpleNamespace(own=self.used_s, waited=0.0, resident=0, page_tables=0, running=0.0)}

    def file_bytes(self) -> int:
        return 0

    def is_runnable(self) -> bool:
        return self.runnable.pop() if self.runnable else False

    def max_wait(self) -> float:
        return self.waits.pop() if self.waits else 0.0

    def wait_of(self, pid: int) -> float:
        return 0.0

    proportional_bytes = file_bytes

    def close(self) -> None:
        pass


@pytest.fixture
def tree(box: WatchedBox, init: socket.socket, signals: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Tree]:
    """The tree of a box without cgroups that runs a step with one second of CPU time."""
    tree = _Tree()
    monkeypatch.setattr(box._step, "_open_tree", lambda: tree)
    box.spawned(1, os.pidfd_open(os.getpid()))
    init.send(b"ready")
    box.begin(Begin(1, TINY, b""), [])
    assert [*box.read_reports()] == [BoxReady(1)]
    yield tree
    init.close()
    if box.channel.fileno() >= 0:
        assert isinstance([*box.close()][-1], BoxGone)


def _report(box: WatchedBox) -> StepReport:
    (report,) = box.read_reports()
    assert isinstance(report, StepReport)
    return report


def _drain(init: socket.socket) -> None:
    """Read the packets with which the box began."""
    while channel.is_readable(init.fileno()):
        init.recv(MAX_PACKET)


def test_a_box_that_never_becomes_ready_fails(box: WatchedBox) -> None:
    box.spawned(1, -1)
    assert time.monotonic() < box.next_check < _NEVER
    box.check_limits()
    assert [*box.close()] == [BoxGone(1, "the box was not ready within 120 s")]


@pytest.mark.parametrize(("used_s", "goes_on"), [(0.4, False), (0.6, True), (1.5, False)])
def test_a_step_uses_its_slice_only_if_it_goes_on(box: WatchedBox, tree: _Tree, used_s: float, goes_on: bool) -> None:
    tree.used_s = used_s
    box.check_limits()
    assert [box.has_just_used_slice() for _ in range(2)] == [goes_on, False]


def test_a_box_that_survives_its_kill_is_given_up(box: WatchedBox, signals: list[int]) -> None:
    box.spawned(1, os.pidfd_open(os.getpid()))
    box.stop("killed")
    assert signals == [signal.SIGKILL]
    assert time.monotonic() < box.next_check <= time.monotonic() + 30
    box.check_limits()
    assert box.is_stuck
    assert [*box.close()] == [BoxGone(1, "its processes did not end within 30 s of being killed")]


@pytest.mark.usefixtures("tree")
def test_a_box_that_does_not_end_after_its_program_is_killed(
    box: WatchedBox, init: socket.socket, signals: list[int]
) -> None:
    init.send(b"step 1 0.25 0.5 1000 7")
    assert _report(box).stopped is None
    box.check_limits()  # releases process 1
    assert signals == []
    assert time.monotonic() < box.next_check < _NEVER
    box.check_limits()
    assert signals == [signal.SIGKILL]
    init.close()
    assert [*box.close()] == [BoxGone(1)]


def test_a_ready_box_may_wait_for_its_program_without_limit(box: WatchedBox, init: socket.socket) -> None:
    box.spawned(1, os.pidfd_open(os.getpid()))
    init.send(b"ready")
    assert [*box.read_reports()] == [BoxReady(1)]
    assert box.next_check == _NEVER
    init.close()
    assert isinstance([*box.close()][-1], BoxGone)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(("wall_s", "rest_s"), [(0, 0.002), (0.01, 0.01), (9, 0.02)])
def test_a_box_is_taken_down_after_its_answer_has_left(
    box: WatchedBox, init: socket.socket, wall_s: float, rest_s: float
) -> None:
    """Taking it down takes the kernel long, and the answer goes first, or a program that has just been compiled."""
    init.send(f"step 1 0 {wall_s} 1000 7".encode())
    before = time.monotonic()
    assert _report(box).stopped is None
    assert before + rest_s <= box.next_check <= time.monotonic() + rest_s
    _drain(init)
    assert not channel.is_readable(init.fileno())
    box.check_limits()
    assert init.recv(1) == b""
    assert time.monotonic() + 1 < box.next_check < _NEVER


def test_a_step_pays_for_its_own_use(box: WatchedBox, init: socket.socket, tree: _Tree) -> None:
    tree.used_s = 60
    box.check_limits()
    init.send(b"step -9 60 60 1000 7")
    report = _report(box)
    assert (report.cpu_s, report.stopped) == (60, "cpu")


@pytest.mark.usefixtures("tree")
def test_a_step_says_how_long_it_has_waited_for_a_processor(
    box: WatchedBox, init: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Tree, "waits", [0.25, 0.5])
    monkeypatch.setattr(box._step, "_next_wait_s", 0.0)
    for _ in range(2):
        box.check_limits()
        monkeypatch.setattr(box._step, "_next_wait_s", 0.0)
    init.send(b"step 0 0.25 0.5 1000 7")
    assert _report(box).waited_s == 0.5


@pytest.mark.usefixtures("tree")
def test_a_silent_process_1_is_not_checked_without_a_pause(box: WatchedBox, init: socket.socket) -> None:
    init.close()
    assert [*box.read_reports()] == []
    box.next_check = 0.0
    box.check_limits()
    assert box.is_silent
    assert box.next_check > 0.0


def test_a_descriptor_may_have_a_high_number() -> None:
    """A keeper of many boxes has more than the 1024 that select(2) accepts."""
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


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch, signals: list[int]) -> Iterator[_Pair]:
    """The boxes of a program and of its judge, and process 1 of the judge's. The program is at its wall limit."""
    sockets = [channel.pair() for _ in range(2)]
    program, judge = (WatchedBox(number, ours, None) for number, (ours, _) in enumerate(sockets, start=1))
    for box, (_, init) in zip((judge, program), reversed(sockets), strict=True):
        monkeypatch.setattr(box._step, "_open_tree", _Tree)
        box.spawned(1, os.pidfd_open(os.getpid()))
        init.send(b"ready")
        assert [*box.read_reports()] == [BoxReady(box.id)]
        if box is program:
            box.talk_with(judge)
        box.begin(Begin(box.id, TINY, b"words", judge=2), [])
        assert box._step.has_begun == (box is program)
    assert judge._step.has_begun
    assert sockets[1][1].recv(100) == b"words"
    monkeypatch.setattr(program._step, "exceeded_limit", lambda has_ended: "wall")
    yield program, judge, sockets[1][1]
    for box, (_, init) in zip((program, judge), sockets, strict=True):
        init.close()
        if box.channel.fileno() >= 0:
            assert isinstance([*box.close()][-1], BoxGone)


@pytest.mark.parametrize(
    ("answers", "stopped"),
    [
        (["5 10 0"] * 4, "hang"),
        (["5 10 1"] * 4, "deadlock"),
        (["0 10 0"] * 4, "deadlock"),
        (["5 10 0", "5 10 0", "0 15 0", "5 15 0"], "deadlock"),
        (["5 10 0", "5 10 0", "5 10 0", "5 15 0"], "deadlock"),
    ],
    ids=["leaves bytes unread", "cannot write", "has read all", "has read all meanwhile", "reads slowly"],
)
def test_a_judge_hangs_if_it_stops_reading(pair: _Pair, answers: list[str], stopped: str) -> None:
    """The program is stopped when the judge has given all answers, and not before."""
    program, judge, init = pair
    for answer in answers:
        program.check_limits()
        assert (init.recv(100), program._stopped) == (b"?", None)
        init.send(f"unread {answer}".encode())
        assert [*judge.read_reports()] == []
    program.check_limits()
    assert (program._stopped, judge._stopped) == ("wall", stopped)


@pytest.mark.parametrize("runnable", [[False, False, True, True, False, False], [False, *[True] * 50]])
def test_a_judge_that_waits_for_a_processor_does_not_hang(
    pair: _Pair, runnable: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper counts what it has left unread only when it rests, however long it does not."""
    program, judge, init = pair
    monkeypatch.setattr(_Tree, "runnable", [*runnable])
    for _ in range(len(runnable) - runnable.index(True) + 4):
        program.check_limits()
        assert judge._stopped is None
        if channel.is_readable(init.fileno()):
            init.recv(100)
            init.send(b"unread 5 10 0")
            assert [*judge.read_reports()] == []
    program.check_limits()
    assert judge._stopped == "hang"


def test_late_answers_are_about_one_moment(pair: _Pair) -> None:
    """A busy machine lets process 1 answer late. Then the judge gets the time of all questions again."""
    program, judge, init = pair
    for _ in range(4):
        program.check_limits()
    while channel.is_readable(init.fileno()):
        init.recv(100)
        init.send(b"unread 5 10 0")
    assert [*judge.read_reports()] == []
    program.check_limits()
    assert judge._stopped is None


def test_a_judge_that_has_ended_does_not_hang(pair: _Pair) -> None:
    """The keeper is about to read that the judge has said no."""
    program, judge, init = pair
    for _ in range(4):
        program.check_limits()
        init.send(b"unread 5 10 0")
        assert [*judge.read_reports()] == []
    init.send(b"step 43 0 0 1000 7")
    program.check_limits()
    assert _report(judge).stopped is None


def test_a_box_that_gives_no_answer_does_not_keep_the_program(pair: _Pair, signals: list[int]) -> None:
    """The judge's box stands still until the program has ended, and is killed then."""
    program, judge, _ = pair
    for _ in range(21):
        program.check_limits()
    assert (program._stopped, judge._stopped) == ("wall", "deadlock")
    assert signals == [signal.SIGSTOP, signal.SIGKILL]
    program._end_step(StepEnd(None, signal.SIGKILL, 0.0, 1.0, 0, 7.0))
    assert signals[-1] == signal.SIGKILL
    assert len(signals) == 4


def test_a_program_that_ends_over_its_wall_limit_is_too_late(pair: _Pair) -> None:
    program, judge, _ = pair
    program.check_limits()
    report = program._end_step(StepEnd(0, None, 0.0, 1.0, 0, 7.0))
    assert (report.stopped, report.ended_at, judge._stopped) == ("wall", 7.0, None)


def test_the_box_of_a_judge_is_kept_until_its_program_has_ended(pair: _Pair) -> None:
    program, judge, init = pair
    init.send(b"step 0 0 0 1000 7")
    assert _report(judge).stopped is None
    assert judge.next_check == _NEVER
    program._end_step(StepEnd(0, None, 0.0, 1.0, 0, 8.0))
    assert judge.next_check < time.monotonic() + 0.01
    _drain(init)
    judge.check_limits()
    assert init.recv(1) == b""
