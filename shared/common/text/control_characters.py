"""Replaces the characters of a text that a terminal would obey."""

from typing import Final

#: C0 and C1, except tab and newline. Format characters stay: Persian is spelled with U+200C, emoji joined by U+200D.
_CONTROLS: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}
#: Some programs take these for the end of a line, and `replace_controls` does not replace them.
LINE_SEPARATORS: Final = {0x2028: "\N{REPLACEMENT CHARACTER}", 0x2029: "\N{REPLACEMENT CHARACTER}"}


def replace_controls(text: str) -> str:
    """Return the text with a replacement character for each control character, and with plain newlines."""
    return text.replace("\r\n", "\n").translate(_CONTROLS)
