"""The bounds of the requests that wait for a result."""

from contextlib import ExitStack
from http import HTTPStatus

import pytest

from api_service.auth import Principal
from api_service.problems import Problem
from api_service.settings import ApiSettings
from api_service.waits import Waits


def _key(number: int) -> Principal:
    return Principal(number, frozenset())


def _held(waits: Waits, key: int, stack: ExitStack) -> tuple[int, HTTPStatus]:
    """Return how many waits the key could hold, and why it could hold no more."""
    for count in range(10_000):
        try:
            stack.enter_context(waits.hold(_key(key)))
        except Problem as exc:
            return count, exc.kind.status
    raise AssertionError("there is no bound")


@pytest.mark.parametrize("connections", [1, 8, 100, ApiSettings().connections])
def test_a_key_holds_less_than_a_quarter_and_all_keys_half(connections: int) -> None:
    waits = Waits(connections)
    with ExitStack() as stack:
        counts = [_held(waits, key, stack) for key in range(6)]
        assert all(count < connections / 4 for count, _ in counts)
        assert sum(count for count, _ in counts) <= connections / 2
        assert counts[0][1] is HTTPStatus.TOO_MANY_REQUESTS
    with ExitStack() as stack:
        assert _held(waits, 9, stack) == counts[0]
