"""How doors read values: numbers in texts, arguments that are words for a shell, and how much JSON may have. Pure."""

import math
import shlex
from typing import Final

#: What a JSON text may have outside of its strings (`shared.common.text.json_structure`).
MAX_STRUCTURE: Final = 16_384


def number_of(value: object) -> float | None:
    """Return a value as a finite number; None if it is neither a number nor the text of one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def shell_words(line: str) -> list[str]:
    """Return the words into which a shell splits a line. Nothing is expanded."""
    try:
        return shlex.split(line)
    except ValueError:  # a quote is not closed
        return line.split()
