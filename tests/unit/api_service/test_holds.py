"""The bounds of what requests hold at once."""

from contextlib import ExitStack
from http import HTTPStatus

import pytest

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.limits.holds import ConcurrencyLimit, memory, reserving, waits
from api_service.settings import ApiSettings


def _key(number: int | None) -> Principal:
    return Principal(number, frozenset())


def _refusal(holds: ConcurrencyLimit, key: int | None, size: int) -> HTTPStatus | None:
    """Return the status with which so much is refused; None if it is not."""
    try:
        with holds.hold(_key(key), size):
            return None
    except ApiError as exc:
        return exc.kind.status


def _held(holds: ConcurrencyLimit, key: int, stack: ExitStack) -> tuple[int, HTTPStatus]:
    """Return how often the key could hold one, and why it could hold no more."""
    for count in range(10_000):
        try:
            stack.enter_context(holds.hold(_key(key)))
        except ApiError as exc:
            return count, exc.kind.status
    raise AssertionError("there is no bound")


@pytest.mark.parametrize("connections", [8, 100, ApiSettings().connections])
def test_waits_of_a_key_hold_a_quarter_and_all_half(connections: int) -> None:
    holds = waits(connections)
    with ExitStack() as stack:
        counts = [_held(holds, key, stack) for key in range(6)]
        assert all(count <= connections / 4 for count, _ in counts)
        assert sum(count for count, _ in counts) <= connections / 2
        assert counts[0][1] is HTTPStatus.TOO_MANY_REQUESTS
        assert counts[-1] == (0, HTTPStatus.SERVICE_UNAVAILABLE)
    with ExitStack() as stack:
        assert _held(holds, 9, stack) == counts[0]


def test_a_key_holds_half_of_the_memory_or_one_larger_request() -> None:
    holds = memory(100, "Lists")
    with holds.hold(_key(1), 90):
        assert _refusal(holds, 1, 1) is HTTPStatus.SERVICE_UNAVAILABLE
        assert _refusal(holds, 2, 11) is HTTPStatus.SERVICE_UNAVAILABLE
        assert _refusal(holds, 2, 10) is None
    with holds.hold(_key(1), 25), holds.hold(_key(1), 25):
        assert _refusal(holds, 1, 1) is HTTPStatus.SERVICE_UNAVAILABLE
        assert _refusal(holds, None, 50) is None
    assert _refusal(holds, 1, 101) is HTTPStatus.SERVICE_UNAVAILABLE
    assert holds.budget.free == 100


def test_an_answer_holds_its_memory_until_it_is_sent() -> None:
    holds = memory(10 << 20, "Answers")
    with reserving(holds, _key(None)) as admit:
        admit(3 << 20)
        assert _refusal(holds, None, 2 << 20) is HTTPStatus.SERVICE_UNAVAILABLE
        with pytest.raises(ApiError):
            admit(1 << 20)
    assert _refusal(holds, None, 10 << 20) is None
