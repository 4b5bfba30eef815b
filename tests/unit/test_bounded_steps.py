"""The count of steps finds functions that are not linear."""

import re
from collections.abc import Callable

import pytest

from tests.bounded_steps import TooManySteps, check_linear

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
