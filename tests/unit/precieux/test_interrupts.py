"""An interrupt raises KeyboardInterrupt, even if Python drops it first."""

import signal
import time
from collections.abc import Iterator

import pytest

from precieux.host.interrupts import Expired, stoppable


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for its background jobs
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class _InAFinalizer:
    """Gets a signal while it is finalized, where Python drops what the handler raises."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_dropped_interrupt_ends_a_long_wait() -> None:
    def wait_long() -> None:
        _InAFinalizer()
        time.sleep(30)

    with pytest.raises(KeyboardInterrupt), stoppable():
        wait_long()


def test_a_wait_expires_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    with pytest.raises(Expired), stoppable(0.01):
        time.sleep(30)
    assert (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
