"""Bounds what a JSON text holds beside its strings, before it is parsed. Pure.

Each list, object or number takes memory many times the bytes of its text: `{"":0}` has six bytes, and Python's object
232.
"""

import re
from typing import Final

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+'
#: The strings and the white space of a JSON text. The pattern never backtracks, so its time is linear. White space and
#: the string after it are one match, so that an indented text hardly counts as more than a compact one.
_PASSED: Final = re.compile(rb"[ \t\r\n]++(?:%s)?+|%s" % (_STRING, _STRING), re.DOTALL)


def has_more_structure(text: bytes | bytearray, max_bytes: int) -> bool:
    """Return True if a JSON text has over `max_bytes`, where each string and each row of white space counts as one."""
    if len(text) <= max_bytes:
        return False
    outside = end = 0
    for passed in _PASSED.finditer(text):
        outside += max(1, passed.start() - end)
        end = passed.end()
        if outside > max_bytes:
            return True
    return outside + len(text) - end > max_bytes
