"""The keeper's side of the zygotes, with zygotes that fail."""

import errno
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from executor.sandbox.base import Zygote
from executor.sandbox.keeper import channel, zygotes
from executor.sandbox.keeper.protocol import MAX_PACKET, MakeBox, Template
from executor.sandbox.keeper.zygotes import Zygotes
from tests.fixtures.step_limits import TINY

_TIMEOUT_S = 10


class Keeper:
    """Orders boxes, and keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, int, int | None, str]] = []
        self.selector = selectors.DefaultSelector()
        self.zygotes = Zygotes(
            {"first_user": None, "seccomp": "", "seccomp_of_process_one": ""},
            self.selector,
            lambda *answer: self.answers.append(answer),
        )
        self._init, self._ours = channel.pair()

    def order(self, box: int, *argv: str) -> None:
        order = MakeBox(box, 0, Template(1 << 20, TINY, Zygote(argv, {})))
        self.zygotes.order(order, self._init, [])

    def handle_events(self) -> None:
        events = self.selector.select(_TIMEOUT_S)
        assert events
        for key, _ in events:
            handle: Callable[[], bool] = key.data
            assert handle()

    def close(self) -> None:
        for end in (self._init, self._ours, self.selector):
            end.close()


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.close()


def _open_descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_late_zygote_is_killed_and_its_boxes_fail(keeper: Keeper) -> None:
    keeper.order(1, "/bin/sleep", "60")
    keeper.order(2, "/bin/sleep", "60")
    keeper.zygotes.kill_late(2, "it hung")
    assert keeper.answers == [(1, 0, None, "it hung"), (2, 0, None, "it hung")]


@pytest.mark.parametrize("default", [4096, 2 * MAX_PACKET])
def test_a_wide_pair_takes_the_largest_packet_on_any_host(default: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = channel.pair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, default)
    before = ends[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    monkeypatch.setattr(channel, "pair", lambda: ends)
    channel.wide_pair()
    with ends[0], ends[1]:
        for end, other in (ends, ends[::-1]):
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= before
            channel.send(end, b"x" * MAX_PACKET)
            assert channel.receive(other) == (b"x" * MAX_PACKET, [])


def test_an_order_fails_if_the_zygote_reads_none(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygotes, "_SEND_TIMEOUT_S", 0.1)

    def order_many() -> None:
        for box in range(10_000):
            keeper.order(box, "/bin/sleep", "60")

    with pytest.raises(TimeoutError):
        order_many()
    keeper.zygotes.kill_all()


def test_a_zygote_that_cannot_start_leaves_nothing_open(keeper: Keeper) -> None:
    before = _open_descriptors()
    for box in range(3):
        with pytest.raises(FileNotFoundError):
            keeper.order(box, "/nowhere/node")
    assert _open_descriptors() == before


def test_a_socket_that_is_refused_leaves_nothing_open(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "pair", Mock(side_effect=OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
    before = _open_descriptors()
    with pytest.raises(OSError, match="Too many open files"):
        keeper.order(1, "/bin/sleep", "60")
    assert _open_descriptors() == before


def test_a_box_without_a_pidfd_fails_with_a_reason(keeper: Keeper) -> None:
    """The kernel drops descriptors for which the keeper has no room."""
    keeper.order(1, "/bin/sh", "-c", r"printf '1\00099\000\000' >&3; sleep 60")
    keeper.handle_events()
    assert keeper.answers == [(1, 99, None, "the box could not be made: Too many open files")]
    keeper.zygotes.kill_all()


def test_events_of_a_closed_zygote_are_ignored(keeper: Keeper) -> None:
    """One `select` may return both its end and the order by which it is replaced."""
    keeper.order(1, "/bin/sh", "-c", "exec dd bs=65536 count=2 status=none of=/dev/null <&3")
    ((key, _),) = keeper.selector.select(_TIMEOUT_S)
    keeper.handle_events()
    assert isinstance(key.fileobj, socket.socket)
    assert key.fileobj.fileno() < 0
    assert key.data()
    assert keeper.answers == [(1, 0, None, "the zygote ended")]


def test_a_zygote_that_is_too_old_is_ended_without_an_order(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper.order(1, "/bin/sh", "-c", "exec dd bs=65536 count=3 status=none of=/dev/null <&3")
    assert keeper.zygotes.next_expiry < float("inf")
    keeper.zygotes.kill_late(1, "late")
    assert keeper.zygotes.next_expiry == float("inf")
    monkeypatch.setattr(zygotes, "_MAX_AGE_S", 0.0)
    keeper.order(2, "/bin/sleep", "60")
    keeper.zygotes.retire_old()  # it owes an answer, so it stays until then
    assert len(keeper.selector.get_map()) == 1
    assert keeper.zygotes.next_expiry == float("inf")
    keeper.zygotes.kill_all()
    assert not keeper.selector.get_map()
