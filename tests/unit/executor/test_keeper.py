"""What the kernel refuses the keeper for one box ends that box alone."""

import errno
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
from executor.sandbox.keeper.meter import Usage
from executor.sandbox.keeper.protocol import (
    ASK,
    READY,
    BoxGone,
    MakeBox,
    Report,
    StepLimits,
    Zygote,
    decode_report,
    encode,
    to_words,
)


class _WithoutFiles:
    """A meter that can open nothing."""

    def joins(self) -> list[int]:
        return []

    def begin(self, limits: StepLimits, *, waited: bool) -> None:
        self.sample()

    def sample(self) -> Usage:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def conclude(self, told: Usage, seen: Usage | None) -> Usage:
        return self.sample()

    def is_starved(self) -> bool:
        return False

    def close(self) -> None:
        pass


@pytest.fixture
def executor() -> Iterator[tuple[Keeper, socket.socket]]:
    ours, theirs = channel.pair()
    before = signal.getsignal(signal.SIGCHLD)
    with ours, theirs:
        channel.tell(
            ours, {"cgroups": None, "hierarchies": [], "first_user": None, "seccomp": "", "seccomp_of_process_one": ""}
        )
        yield Keeper(theirs), ours
    signal.signal(signal.SIGCHLD, before)


def test_a_box_that_cannot_be_watched_is_ended_and_the_keeper_goes_on(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    said: list[Report | None] = []

    def listen() -> None:
        while not any(isinstance(report, BoxGone) for report in said):
            said.append(decode_report(channel.receive_packet(ours)[0]))
        ours.shutdown(socket.SHUT_RDWR)

    init_channel, init = channel.pair()
    first = subprocess.Popen(["sleep", "60"])
    listener = threading.Thread(target=listen)
    with init:
        run = WatchedBox(1, init_channel, _WithoutFiles(), lambda step, limits: _WithoutFiles())
        keeper._boxes[1] = run
        keeper._selector.register(init_channel, 1, lambda: keeper._hear(run))
        keeper._spawned(1, first.pid, os.pidfd_open(first.pid), "")
        init.send(to_words("ready")[:-1])
        listener.start()
        keeper.serve()
        listener.join()
        first.wait()
    assert said == [None, BoxGone(1, "the box cannot be watched: [Errno 24] Too many open files")]


def test_the_end_does_not_wait_for_a_zygote(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    limits = StepLimits(1, 1, 1 << 20, 1, 1, 1, 1)
    ours.send(encode(MakeBox(1, 0, 1 << 20, limits, zygote=Zygote(("/bin/sleep", "60"), {}))))
    ours.shutdown(socket.SHUT_WR)
    keeper.serve()
    keeper.end_all()
    assert decode_report(channel.receive_packet(ours)[0]) is None
    assert decode_report(channel.receive_packet(ours)[0]) == BoxGone(1, "the keeper ends")


def test_it_gives_a_sign_of_life_when_it_is_asked(executor: tuple[Keeper, socket.socket]) -> None:
    keeper, ours = executor
    for _ in range(2):
        ours.send(ASK)
    ours.shutdown(socket.SHUT_WR)
    keeper.serve()
    assert [channel.receive_packet(ours)[0] for _ in range(3)] == [READY] * 3
