"""Replaces the characters of a text that a terminal would obey."""

from typing import Final

#: C0 and C1, except tab and newline. Format characters stay: Persian is spelled with U+200C, emoji joined by U+200D.
_CONTROLS: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


def replace_controls(text: str) -> str:
    """Return the text with a replacement character for each control character, and with plain newlines."""
    return text.replace("\r\n", "\n").translate(_CONTROLS)
