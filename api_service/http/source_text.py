"""Checks that a source file is text in UTF-8. Pure."""

import codecs
from typing import Final, NoReturn

from api_service.http.errors import ApiError, Kind

_SAVE_AS: Final = "save it as UTF-8 and send it again."
_NO_TEXT: Final = "The file is not text: send the source of a program."
#: The byte order mark of UTF-8, at which some compilers stop.
BOM: Final = codecs.BOM_UTF8
_WIDE: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def read_source(data: bytes) -> bytes:
    """Return the source without a byte order mark. Raises `ApiError` (422) if it is not text in UTF-8."""
    if fault := wide_fault(data):
        _refuse(fault)
    data = data.removeprefix(BOM)
    if not data.strip():
        _refuse("The file is empty: send the program's source.")
    if b"\0" in data:
        _refuse(_NO_TEXT)
    try:
        data.decode()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        _refuse(f"The file is not in UTF-8 (line {line} has the byte 0x{data[exc.start]:02X}): {_SAVE_AS}")
    return data


def wide_fault(data: bytes) -> str | None:
    """Return the fault of a text in UTF-16 or UTF-32, which no compiler reads; None for other texts.

    Without a mark, most of every second byte is NUL, as in a text of mostly Latin letters.
    """
    for mark, name in _WIDE.items():
        if data.startswith(mark):
            return f"The file is in {name}: {_SAVE_AS}"
    beginning = data[:1024] if len(data) >= 8 else b""
    for nuls, letters in ((beginning[1::2], beginning[::2]), (beginning[::2], beginning[1::2])):
        if nuls.count(0) > 0.7 * len(nuls) and letters.count(0) == 0:
            return f"The file looks like UTF-16: {_SAVE_AS}"
    return None


def is_text(data: bytes) -> bool:
    """Return True if this is UTF-8 without a NUL."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _refuse(sentence: str) -> NoReturn:
    raise ApiError(Kind.INVALID, sentence)
