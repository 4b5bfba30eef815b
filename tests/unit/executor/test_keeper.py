"""The keeper's loop, with a box whose files the kernel refuses, a silent zygote, and requests for a sign of life."""

import errno
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from executor.sandbox.keeper import channel
from executor.sandbox.keeper.__main__ import Keeper
from executor.sandbox.keeper.box import WatchedBox
from executor.sandbox.keeper.meter import ResourceUsage
from executor.sandbox.keeper.protocol import (
    ASK,
    READY,
    Begin,
    BoxGone,
    Kill,
    MakeBox,
    Report,
    StepLimits,
    StepReport,
    Template,
    Zygote,
    decode_report,
    encode,
)
from tests.fixtures.step_limits import TINY


class _Meter:
    """A meter of processes that use nothing."""

    def joins(self) -> list[int]:
        return []

    def begin(self, limits: StepLimits) -> None:
        self.sample()

    def sample(self) -> ResourceUsage:
        return ResourceUsage(0.0, 0)

    def give_way(self) -> bool:
        return True

    def conclude(self, reported: ResourceUsage) -> ResourceUsage:
        return self.sample()

    def is_starved(self) -> bool:
        return False

    def close(self) -> None:
        pass


class _BrokenMeter(_Meter):
    """A meter that cannot open files."""

    def sample(self) -> ResourceUsage:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.fixture
def executor() -> Iterator[tuple[Keeper, socket.socket]]:
    ours, theirs = channel.pair()
    before = signal.getsignal(signal.SIGCHLD)
    with ours, theirs:
        filters = {"seccomp": "", "seccomp_of_process_one": ""}
        channel.send(ours, json.dumps({"cgroups": None, "hierarchies": [], "first_user": None, **filters}).encode())
        yield Keeper(theirs), ours
    signal.signal(signal.SIGCHLD, before)


def test_a_box_without_a_meter_is_ended_alone(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    reports: list[Report | None] = []

    def listen() -> None:
        while not any(isinstance(report, BoxGone) for report in reports):
            reports.append(decode_report(channel.receive(ours)[0]))
        ours.shutdown(socket.SHUT_RDWR)

    init_channel, init = channel.pair()
    process_one = subprocess.Popen(["sleep", "60"])
    listener = threading.Thread(target=listen)
    with init:
        box = WatchedBox(1, init_channel, _BrokenMeter())
        keeper._boxes[1] = box
        keeper._selector.register(init_channel, 1, lambda: keeper._read_reports(box))
        keeper._spawned(1, process_one.pid, os.pidfd_open(process_one.pid), "")
        init.send(b"ready")
        listener.start()
        keeper.serve()
        listener.join()
        process_one.wait()
    assert reports == [None, BoxGone(1, "the box cannot be watched: [Errno 24] Too many open files")]


def test_a_kill_does_not_reach_a_program_that_has_ended(executor: tuple[Keeper, socket.socket]) -> None:
    """The executor kills the program for its output, and its end lies unread in the box's channel."""
    keeper, ours = executor
    init_channel, init = channel.pair()
    process_one = subprocess.Popen(["sleep", "60"])
    with init:
        box = WatchedBox(1, init_channel, _Meter())
        keeper._boxes[1] = box
        keeper._spawned(1, process_one.pid, os.pidfd_open(process_one.pid), "")
        init.send(b"ready")
        keeper._read_reports(box)
        box.begin(Begin(1, TINY, b""), [])
        init.send(b"step 0 0.25 0.5 1000 7")
        ours.send(encode(Kill(1)))
        keeper._take_order()
        process_one.wait()
        keeper._close(box)
    reports: list[Report | None] = []
    while not any(isinstance(report, BoxGone) for report in reports):
        reports.append(decode_report(channel.receive(ours)[0]))
    assert [report.stopped for report in reports if isinstance(report, StepReport)] == [None]


def test_end_does_not_wait_for_a_zygote(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    ours.send(encode(MakeBox(1, 0, Template(1 << 20, TINY, Zygote(("/bin/sleep", "60"), {})))))
    ours.shutdown(socket.SHUT_WR)
    keeper.serve()
    keeper.end_all()
    assert decode_report(channel.receive(ours)[0]) is None
    assert decode_report(channel.receive(ours)[0]) == BoxGone(1, "the keeper ends")


def test_ask_is_answered_with_ready(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    for _ in range(2):
        ours.send(ASK)
    ours.shutdown(socket.SHUT_WR)
    keeper.serve()
    assert [channel.receive(ours)[0] for _ in range(3)] == [READY] * 3
