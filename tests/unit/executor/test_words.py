"""The words that are exchanged with process 1 and the zygotes."""

import re
from pathlib import Path
from typing import Final

import pytest

from executor.sandbox.init import build
from executor.sandbox.keeper.words import READ_BY, to_words

_C: Final = "".join(path.read_text() for path in Path(build.__file__).parent.glob("*.c"))
_READ: Final = re.compile(r"(\w+) = [^;=]*?next_(?:number|word)\(")


@pytest.mark.parametrize("function", READ_BY)
def test_the_keeper_sends_what_the_c_code_reads(function: str) -> None:
    body = re.search(rf"^[\w ]*\b{function}\([^;]*?\)\n{{.*?^}}", _C, re.DOTALL | re.MULTILINE)
    assert body
    assert tuple(_READ.findall(body[0])) == READ_BY[function]


def test_words_end_with_a_nul_and_contain_none() -> None:
    assert to_words(1, "é\udc80", "") == b"1\0\xc3\xa9\x80\0\0"
    with pytest.raises(ValueError, match="NUL"):
        to_words("a\0b")
