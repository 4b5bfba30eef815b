"""The count of steps is the same every time, and finds functions that are not linear."""

import re
from collections.abc import Callable

import pytest

from tests.bounded_steps import TooManySteps, check_linear, count_steps

_CUBIC = re.compile(r"\bpackage\s+([\w.\s]+?)\s*;")
_LINEAR = re.compile(r"\bpackage\s++[\w.]++;")


def _copies(text: str) -> None:
    while text:
        text = text[1:]


def _squares(text: str) -> int:
    return sum(1 for one in text for other in text if one == other)


def _once(text: str) -> int:
    return sum(1 for one in text if one == " ") + len(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("work", [_CUBIC.search, _copies, _squares], ids=["pattern", "copies", "loops"])
def test_a_function_that_is_not_linear_is_found(work: Callable[[str], object]) -> None:
    with pytest.raises(TooManySteps):
        check_linear(work, lambda size: "package" + " " * size)


@pytest.mark.parametrize("work", [_LINEAR.search, _once, str.split], ids=["pattern", "loops", "function in C"])
def test_a_linear_function_passes(work: Callable[[str], object]) -> None:
    check_linear(work, lambda size: "package" + " " * size)


def test_the_count_is_the_same_every_time() -> None:
    text = "package a.b " * 200
    # The first count includes what Python does only once.
    _, *counts = [count_steps(lambda: (_CUBIC.search(text), _once(text)), 10_000_000) for _ in range(6)]
    # The allocator may use a block more or less.
    assert max(counts) - min(counts) <= max(counts) / 1000


def test_an_endless_match_is_stopped() -> None:
    endless = re.compile(r"(a|aa)+$")
    with pytest.raises(TooManySteps):
        count_steps(lambda: endless.match("a" * 1000 + "b"), 1000)
