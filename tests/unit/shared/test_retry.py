from hypothesis import given
from hypothesis import strategies as st

from shared.common.service.retry import RetryPolicy


@given(attempt=st.integers(1, 10_000))
def test_a_delay_is_in_the_upper_half_of_its_step_and_capped(attempt: int) -> None:
    policy = RetryPolicy(base=1, cap=60)
    full = min(60.0, 2.0 ** min(attempt - 1, 32))
    assert full / 2 <= policy.delay(attempt) <= full


def test_a_delay_is_at_least_as_long_as_requested() -> None:
    policy = RetryPolicy(base=1, cap=60)
    assert policy.delay(1, at_least=90) == 90
    assert policy.delay(7, at_least=1) > 1


def test_a_capped_policy_has_no_longer_delays() -> None:
    policy = RetryPolicy(base=1, cap=60)
    assert 2.5 <= policy.capped(5).delay(20) <= 5
    assert policy.capped(90) == policy
