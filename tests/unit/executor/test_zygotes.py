"""What the keeper does about zygotes that do not do what they should."""

import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executor.sandbox.base import StepLimits, Zygote
from executor.sandbox.keeper import channel, zygotes
from executor.sandbox.keeper.protocol import MakeBox
from executor.sandbox.keeper.zygotes import Zygotes

_LIMITS = StepLimits(1, 1, 1 << 20, 1, 1, 1, 1)
_TIMEOUT_S = 10


class Keeper:
    """Orders boxes, and keeps what it is told of them."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, int | None, str]] = []
        self.selector = selectors.DefaultSelector()
        self.zygotes = Zygotes(
            {"first_user": None, "seccomp": "", "seccomp_of_process_one": ""},
            self.selector,
            lambda *told: self.told.append(told),
        )
        self._init, self._ours = channel.pair()

    def order(self, box: int, *argv: str) -> None:
        prepare = MakeBox(box, 0, 1 << 20, _LIMITS, zygote=Zygote(argv, {}))
        self.zygotes.order(prepare, self._init, [], [])

    def hear(self) -> None:
        ready = self.selector.select(_TIMEOUT_S)
        assert ready
        for key, _ in ready:
            act: Callable[[], bool] = key.data
            assert act()

    def close(self) -> None:
        for end in (self._init, self._ours, self.selector):
            end.close()


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.close()


def _open() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_one_that_does_not_answer_is_killed_and_its_boxes_are_given_up(keeper: Keeper) -> None:
    keeper.order(1, "/bin/sleep", "60")
    keeper.order(2, "/bin/sleep", "60")
    keeper.zygotes.end_late(2, "it hung")
    assert keeper.told == [(1, 0, None, "it hung"), (2, 0, None, "it hung")]


def test_at_the_end_those_that_have_not_answered_are_not_waited_for(keeper: Keeper) -> None:
    keeper.order(1, "/bin/sleep", "60")
    keeper.zygotes.end_all()
    assert keeper.told == [(1, 0, None, "the keeper ends")]
    assert not keeper.selector.get_map()


def test_the_last_words_of_one_that_ends_at_once_are_told(keeper: Keeper) -> None:
    """Also if it has ended before it was ordered anything."""
    keeper.order(1, "/bin/sh", "-c", "echo it failed >&3")
    keeper.hear()
    assert keeper.told == [(1, 0, None, "it failed\n")]


def test_the_last_words_of_one_that_has_left_something_unread_are_received() -> None:
    """The kernel reports the first (ECONNRESET) before the second."""
    ours, theirs = channel.pair()
    with ours:
        with theirs:
            ours.send(b"an order")
            theirs.send(b"it failed")
        assert channel.receive_packet(ours) == (b"it failed", [])
        assert channel.receive_packet(ours) == (b"", [])


def test_one_that_takes_no_order_fails(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygotes, "_LONGEST_SEND_S", 0.1)

    def order_many() -> None:
        for box in range(10_000):
            keeper.order(box, "/bin/sleep", "60")

    with pytest.raises(TimeoutError):
        order_many()
    keeper.zygotes.end_all()


def test_one_that_cannot_be_started_leaves_nothing_open(keeper: Keeper) -> None:
    before = _open()
    for box in range(3):
        with pytest.raises(FileNotFoundError):
            keeper.order(box, "/nowhere/node")
    assert _open() == before


def test_one_that_is_replaced_though_it_has_just_ended_is_heard_no_more(keeper: Keeper) -> None:
    """The selector had told of both at once: that it has ended, and an order."""
    keeper.order(1, "/bin/sh", "-c", "exec dd bs=65536 count=2 status=none of=/dev/null <&3")
    ((key, _),) = keeper.selector.select(_TIMEOUT_S)
    keeper.hear()
    assert isinstance(key.fileobj, socket.socket)
    assert key.fileobj.fileno() < 0
    assert key.data()
    assert keeper.told == [(1, 0, None, "the zygote ended")]
