"""The words that are exchanged with process 1 and the zygotes."""

import re
from pathlib import Path
from typing import Final

import pytest

from executor.sandbox.init import build
from executor.sandbox.keeper.words import READ_BY, StepEnd, Unread, to_words

_C: Final = "".join(path.read_text() for path in Path(build.__file__).parent.glob("*.c"))
_READ: Final = re.compile(r"(\w+) = [^;=]*?next_(?:number|word)\(")


@pytest.mark.parametrize("function", READ_BY)
def test_the_keeper_sends_what_the_c_code_reads(function: str) -> None:
    body = re.search(rf"^[\w ]*\b{function}\([^;]*?\)\n{{.*?^}}", _C, re.DOTALL | re.MULTILINE)
    assert body
    assert tuple(_READ.findall(body[0])) == READ_BY[function]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("0 1 0.25 0.001 0.5 1000 7.5", StepEnd(0, 1, None, 0.25, 0.001, 0.5, 1000, 7.5)),
        ("1 0 0.000000 0.000000 0.000001 0 1.000000", StepEnd(1, 0, None, 0.0, 0.0, 0.000001, 0, 1.0)),
        ("0 -9 60 0 61 1000 99", StepEnd(0, None, 9, 60.0, 0.0, 61.0, 1000, 99.0)),
    ],
)
def test_step_end_is_read_by_position(text: str, end: StepEnd) -> None:
    assert StepEnd.parse(text) == end


def test_an_answer_about_unread_bytes_is_read_by_position() -> None:
    assert Unread.parse("3 70000000000 0") == Unread(3, 70_000_000_000, is_full=False)
    assert Unread.parse("0 0 1") == Unread(0, 0, is_full=True)


def test_words_end_with_a_nul_and_contain_none() -> None:
    assert to_words(1, "é\udc80", "") == b"1\0\xc3\xa9\x80\0\0"
    with pytest.raises(ValueError, match="NUL"):
        to_words("a\0b")
