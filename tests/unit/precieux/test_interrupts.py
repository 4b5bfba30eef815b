"""An interrupt raises KeyboardInterrupt, even if Python drops it first."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from precieux.host.interrupts import Expired, raise_interrupts, stoppable


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for its background jobs
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Finalized:
    """Sends its own process a signal when it is deleted, where exceptions are dropped."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_raises_at_once(number: signal.Signals) -> None:
    raise_interrupts()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_dropped_interrupt_is_raised_by_the_next_check(number: signal.Signals) -> None:
    check = raise_interrupts()
    check()
    one = Finalized(number)
    del one
    with pytest.raises(KeyboardInterrupt):
        check()


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    check = raise_interrupts()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.raise_signal(signal.SIGINT)
    check()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dropped_interrupt_ends_a_long_wait() -> None:
    def wait_long() -> None:
        Finalized(signal.SIGINT)
        time.sleep(30)

    with pytest.raises(KeyboardInterrupt), stoppable():
        wait_long()


def test_a_wait_expires_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    with pytest.raises(Expired), stoppable(0.01):
        time.sleep(30)
    assert (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
