"""Tells whether a text shows all of its characters. Pure."""

from typing import Final

#: U+200C and U+200D change how the letters beside them are joined: Persian is spelled with the one, and emoji are put
#: together with the other.
_WITHOUT_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")


def is_visible(text: str) -> bool:
    """Return True if no character of a text is hidden, ends a line, turns others around or controls a terminal."""
    return text.isprintable() or text.translate(_WITHOUT_JOINERS).isprintable()
