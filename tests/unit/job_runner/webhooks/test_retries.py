"""The schedule of retries."""

import pytest

from job_runner.webhooks.delivery_policy import SCHEDULE, WEBHOOK


@pytest.mark.parametrize(
    ("attempt", "about"),
    list(enumerate((5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600), 1)),
)
def test_each_retry_waits_for_about_its_time(attempt: int, about: float) -> None:
    delays = [WEBHOOK.next_delay(attempt) for _ in range(200)]
    assert all(delay is not None and 0.9 * about <= delay <= 1.1 * about for delay in delays)
    assert len(set(delays)) > 100


def test_the_last_retry_is_followed_by_none() -> None:
    assert WEBHOOK.next_delay(len(SCHEDULE)) is not None
    assert WEBHOOK.next_delay(len(SCHEDULE) + 1) is None
    assert WEBHOOK.next_delay(len(SCHEDULE) + 1, at_least=5) is None


def test_only_a_later_wish_of_the_receiver_counts() -> None:
    assert WEBHOOK.next_delay(1, at_least=3600) == 3600
    delay = WEBHOOK.next_delay(2, at_least=1)
    assert delay is not None
    assert delay >= 270
