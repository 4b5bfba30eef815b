"""Checks that a text shows all of its characters. Pure."""

import re
from typing import Final

#: U+200C or U+200D between two other characters: Persian is spelled with the one, and emoji are put together with the
#: other.
_JOINER: Final = re.compile(r"(?<=[^\s\u200c\u200d])[\u200c\u200d](?=[^\s\u200c\u200d])")
#: Letters and marks that Unicode calls visible, and that show nothing.
_BLANK: Final = dict.fromkeys(map(ord, "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"))


def is_visible(text: str) -> bool:
    """Return True if a text has a character to see, and no control or format character but joiners within words."""
    seen = _JOINER.sub("", text)
    return seen.isprintable() and bool(seen.translate(_BLANK).strip())
