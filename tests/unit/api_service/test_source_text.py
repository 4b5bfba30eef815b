import codecs

import pytest

from api_service.http.errors import ApiError
from api_service.http.source_text import read_source


def refusal(data: bytes) -> str:
    with pytest.raises(ApiError) as caught:
        read_source(data)
    assert caught.value.kind.status == 422
    return caught.value.detail


def test_text_is_unchanged() -> None:
    source = "print('سلام')\r\n\f\x1b\x01".encode()
    assert read_source(source) == source


def test_a_byte_order_mark_is_dropped() -> None:
    assert read_source(codecs.BOM_UTF8 + b"print(1)\n") == b"print(1)\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_unicode_is_named_in_the_error(encoding: str) -> None:
    name = encoding[:6].upper()
    assert f"{name}: save it as UTF-8" in refusal("print('hello')\nprint('again')\n".encode(encoding))


@pytest.mark.parametrize(("encoding", "letter", "byte"), [("cp1256", "س", "D3"), ("latin-1", "é", "E9")])
def test_an_eight_bit_encoding_is_refused_with_its_line(encoding: str, letter: str, byte: str) -> None:
    detail = refusal(f"print(1)\nprint('{letter}')\n".encode(encoding))
    assert detail == f"The file is not in UTF-8 (line 2 has the byte 0x{byte}): save it as UTF-8 and send it again."


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ((b"\x7fELF\x02\x01\x01\0", b"\x89PNG\r\n\x1a\n\0\0", b"a\0b\0\0c"), "not text: send the source of a program."),
        ((b"", b" \r\n", codecs.BOM_UTF8), "empty: send the program's source."),
    ],
)
def test_a_file_without_a_program_is_refused(files: tuple[bytes, ...], detail: str) -> None:
    assert {refusal(data) for data in files} == {f"The file is {detail}"}
