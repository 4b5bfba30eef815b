"""Tells whether a text shows all of its characters. Pure."""

from typing import Final

#: U+200C and U+200D change how the letters beside them are joined: Persian is spelled with the one, and emoji are put
#: together with the other.
_WITHOUT_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")


def is_visible(text: str) -> bool:
    """Return True if a text has a character to see, and none that is hidden, ends a line or turns others around."""
    seen = text.translate(_WITHOUT_JOINERS)
    return seen.isprintable() and bool(seen.strip())
