"""Reads any base64, and writes it in MIME's form, in lines of 60 characters. Pure."""

import binascii
import re
from typing import Final

_OTHERS: Final = re.compile(rb"[^A-Za-z0-9+/]+")
#: Bytes that make one line.
_LINE_BYTES: Final = 45


def encode(data: bytes) -> str:
    """Return the base64 of the bytes, with a line break after every 60 characters and at the end."""
    lines = (binascii.b2a_base64(data[start : start + _LINE_BYTES]) for start in range(0, len(data), _LINE_BYTES))
    return b"".join(lines).decode()


def decode(text: str) -> bytes:
    """Return the bytes of a base64 text. Other characters are skipped, and `=` ends the text."""
    digits = _OTHERS.sub(b"", text.encode("ascii", "replace").partition(b"=")[0])
    # A single digit at the end is less than one byte.
    digits = digits[:-1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
