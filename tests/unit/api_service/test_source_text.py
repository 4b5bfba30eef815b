import codecs

import pytest

from api_service.http.problems import Problem
from api_service.http.source_text import read_source


def refusal(data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        read_source(data)
    assert caught.value.kind.status == 422
    return caught.value.detail


def test_text_is_unchanged() -> None:
    source = "print('سلام')\r\n\f\x1b\x01".encode()
    assert read_source(source) == source


def test_a_byte_order_mark_is_dropped() -> None:
    assert read_source(codecs.BOM_UTF8 + b"print(1)\n") == b"print(1)\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_in_the_error(encoding: str) -> None:
    assert "UTF-16: save it as UTF-8" in refusal("print('hello')\nprint('again')\n".encode(encoding))


def test_utf_32_is_named_in_the_error() -> None:
    assert "UTF-32: save it as UTF-8" in refusal("print(1)".encode("utf-32"))


@pytest.mark.parametrize(("encoding", "letter", "byte"), [("cp1256", "س", "D3"), ("latin-1", "é", "E9")])
def test_an_eight_bit_encoding_is_refused_with_its_line(encoding: str, letter: str, byte: str) -> None:
    detail = refusal(f"print(1)\nprint('{letter}')\n".encode(encoding))
    assert detail == f"The file is not in UTF-8 (line 2 has the byte 0x{byte}): save it as UTF-8 and send it again."


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\x01\0", b"\x89PNG\r\n\x1a\n\0\0", b"a\0b\0\0c"])
def test_a_binary_is_refused(data: bytes) -> None:
    assert refusal(data) == "The file is not text: send the source of a program."


@pytest.mark.parametrize("data", [b"", b" \r\n", codecs.BOM_UTF8])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert refusal(data) == "The file is empty: send the program's source."
