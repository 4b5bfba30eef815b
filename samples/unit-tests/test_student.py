"""Tests of a homework: a function and a class in one file, whatever its name is."""

import pytest
from student import Stack, mean


@pytest.mark.parametrize(("numbers", "result"), [([1, 2, 3], 2), ([5], 5), ([-1, 1], 0)])
def test_mean(numbers, result):
    assert mean(numbers) == pytest.approx(result)


def test_no_number_has_a_mean():
    with pytest.raises(ValueError):
        mean([])


@pytest.mark.points(3)
def test_the_last_one_comes_first():
    stack = Stack()
    stack.push(1)
    stack.push(2)
    assert [stack.pop(), stack.pop()] == [2, 1]


@pytest.mark.hidden
@pytest.mark.points(3)
def test_an_empty_stack():
    with pytest.raises(IndexError):
        Stack().pop()
