"""The words that are exchanged with process 1 and the zygotes."""

import pytest

from executor.sandbox.keeper.words import StepEnd, to_words


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("0 1 0.25 0.001 0.5 1000", StepEnd(0, 1, None, 0.25, 0.001, 0.5, 1000)),
        ("1 0 0.000000 0.000000 0.000001 0", StepEnd(1, 0, None, 0.0, 0.0, 0.000001, 0)),
        ("0 -9 60 0 61 1000", StepEnd(0, None, 9, 60.0, 0.0, 61.0, 1000)),
    ],
)
def test_step_end_is_read_by_position(text: str, end: StepEnd) -> None:
    assert StepEnd.parse(text) == end


@pytest.mark.parametrize("text", ["", "0 1 0.25 0.5 1000", "0 1 0.25 0 0.5 1000 7", "0 ok 0.25 0 0.5 1000"])
def test_a_malformed_step_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the message is Python's)
        StepEnd.parse(text)


def test_words_end_with_a_nul_and_contain_none() -> None:
    assert to_words(1, "é\udc80", "") == b"1\0\xc3\xa9\x80\0\0"
    with pytest.raises(ValueError, match="NUL"):
        to_words("a\0b")
