"""The arithmetic of outages: how long clients waited, and how much of the wait was outside of the faults."""

from tests.chaos.cluster.outages import Wait, longest, overdue
from tests.chaos.fault import Strike

STRIKES = [Strike(("mq-1 killed",), 100, 120), Strike(("mq-2 killed",), 200, 210), Strike(("a", "b"), 300, 310)]


def test_a_wait_may_last_a_minute_longer_than_the_faults() -> None:
    assert overdue(STRIKES, [Wait(110, 179), Wait(195, 260)]) == []
    [late] = overdue(STRIKES, [Wait(110, 182)])
    assert "62 s without a fault" in late


def test_waits_count_for_the_kind_of_fault_that_they_began_in() -> None:
    waits = [Wait(90, 99), Wait(119, 130), Wait(205, 220), Wait(305, 400)]
    assert longest(STRIKES, waits) == {"mq killed": 15}
    assert longest([Strike(("api-1's clock behind",), 0, 9)], [Wait(1, 3)]) == {"api's clock behind": 2}
    assert longest([Strike(("store: 503",), 0, 9)], [Wait(1, 3)]) == {"store: 503": 2}
