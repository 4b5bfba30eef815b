"""The schedule of retries."""

from job_runner.webhooks.delivery_policy import WEBHOOK


def test_retries_of_one_outage_do_not_return_at_once() -> None:
    delays = [WEBHOOK.next_delay(2) for _ in range(200)]
    assert all(delay is not None and 270 <= delay <= 330 for delay in delays)
    assert len(set(delays)) > 100


def test_only_a_later_wish_of_the_receiver_counts() -> None:
    assert WEBHOOK.next_delay(1, at_least=3600) == 3600
    delay = WEBHOOK.next_delay(2, at_least=1)
    assert delay is not None
    assert delay >= 270
