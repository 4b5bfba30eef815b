"""Chooses the locale of a submission by `Accept-Language` (RFC 9110, section 12.5.4). Pure."""

import re
from typing import Final

from shared.records.messages.translations import LOCALES, SOURCE_LOCALE

_RANGE: Final = re.compile(
    r"[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.ASCII,
)
_MAX_RANGES: Final = 32


def locale_of(header: str) -> str:
    """Return the locale that a header prefers; English if it prefers none."""
    best = SOURCE_LOCALE
    weight = 0.0
    for text in header.split(",", _MAX_RANGES)[:_MAX_RANGES]:
        accepted = _RANGE.fullmatch(text)
        if accepted is None:
            continue
        language = accepted[1].partition("-")[0].lower()
        quality = float(accepted[2]) if accepted[2] else 1.0
        for locale in LOCALES:
            if quality > weight and language in (locale, "*"):
                best, weight = locale, quality
    return best
