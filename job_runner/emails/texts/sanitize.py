"""Shortens texts for mails, and makes them harmless. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from shared.common.text.control_characters import replace_controls
from shared.common.text.strip_nul import strip_nul

#: The most characters and lines of a text in the table of the original's mail.
MAX_SHOWN: Final = 20_000
MAX_LINES: Final = 2_000
#: The same where a link or a file with the rest is at hand. Gmail cuts off a mail of more than 102 KB.
_EXCERPT_LENGTH: Final = 8_000
_EXCERPT_LINES: Final = 50
#: A name of a file may have 255 bytes, and that of a test 100 characters.
_MAX_NAME: Final = 80
#: Characters that decide the direction of a text.
_SAMPLE: Final = 2_000
#: Characters that stand for bytes that are no text.
_REPLACED: Final = re.compile("[\N{REPLACEMENT CHARACTER}\ud800-\udfff]")

# Some programs break lines at these, and others do not.
_SEPARATORS: Final = {0x2028: "\n", 0x2029: "\n"}
#: Marks that change the direction of what follows them. In a name, they could turn the words of ours around it.
_DIRECTIONS: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\N{REPLACEMENT CHARACTER}")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text of a stranger's, and how much of it that is. `direction` is `ltr` or `rtl`."""

    text: str
    direction: str
    lines: int
    all_lines: int
    is_whole: bool


def sanitize(text: str, *, where_the_rest_is: str = "") -> str:
    """Return the first characters and lines, without the control characters that a terminal would obey.

    If the text is cut, a note says so, and ends with `where_the_rest_is`.
    """
    kept = first_part(text)
    cut = len(text) - len(kept)
    kept = _harmless(kept)
    return f"{kept.removesuffix(chr(10))}\n[cut here: {cut} more characters{where_the_rest_is}]" if cut else kept


def first_part(text: str) -> str:
    return "".join(text[:MAX_SHOWN].splitlines(keepends=True)[:MAX_LINES])


def excerpt(text: str) -> Excerpt:
    """Return the first characters and lines for a mail that says where the rest is."""
    beginning = "".join(text[:_EXCERPT_LENGTH].splitlines(keepends=True)[:_EXCERPT_LINES])
    kept = _harmless(beginning).rstrip("\n")
    return Excerpt(
        kept,
        direction_of(kept),
        lines=beginning.removesuffix("\n").count("\n") + 1,
        all_lines=text.removesuffix("\n").count("\n") + 1,
        is_whole=len(beginning) == len(text),
    )


def is_exact(text: str) -> bool:
    """Return True if an excerpt of the text shows all of it, character by character."""
    if len(text) > _EXCERPT_LENGTH or _REPLACED.search(text):
        return False
    return len(text.splitlines()) <= _EXCERPT_LINES and _harmless(text) == text


def one_line(text: str, length: int = _MAX_NAME) -> str:
    """Return a name as one short line that no character of it can leave or turn around."""
    line = " ".join(strip_nul(_harmless(text[: 2 * length])).translate(_DIRECTIONS).split())
    return line if len(line) <= length else f"{line[:length]}…"


def direction_of(text: str) -> str:
    """Return the direction of most letters of a text. One direction for all lines keeps tables in their columns."""
    if text.isascii():
        return "ltr"
    classes = [unicodedata.bidirectional(character) for character in text[:_SAMPLE]]
    right_to_left = classes.count("R") + classes.count("AL")
    return "rtl" if right_to_left > classes.count("L") else "ltr"


def _harmless(text: str) -> str:
    if text.isascii() and text.isprintable():  # nearly every name, and quicker
        return text
    return replace_controls(text).translate(_SEPARATORS)
