"""Shortens texts for mails, and makes them harmless. Pure."""

from typing import Final

from shared.control_characters import replace_controls

#: The most characters and lines of a text.
MAX_SHOWN: Final = 20_000
MAX_LINES: Final = 2_000

# Some programs break lines at these, and others do not.
_SEPARATORS: Final = {0x2028: "\n", 0x2029: "\n"}


def shown(text: str, *, where_the_rest_is: str = "") -> str:
    """Return the first characters and lines, without the control characters that a terminal would obey.

    If the text is cut, a note says so, and ends with `where_the_rest_is`.
    """
    kept = first_part(text)
    cut = len(text) - len(kept)
    kept = replace_controls(kept).translate(_SEPARATORS)
    return f"{kept.removesuffix(chr(10))}\n[cut here: {cut} more characters{where_the_rest_is}]" if cut else kept


def first_part(text: str) -> str:
    return "".join(text[:MAX_SHOWN].splitlines(keepends=True)[:MAX_LINES])
