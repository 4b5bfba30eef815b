"""The words for files of a program that do not come back."""

from collections.abc import Mapping
from typing import Final

from shared.engine_api.run_call.events import LeftOut
from shared.records.messages.translations import gettext_noop, number, translations

REASONS: Final = {
    LeftOut.TOO_MANY: gettext_noop("too many files"),
    LeftOut.TOO_LARGE: gettext_noop("too large"),
    LeftOut.NOT_A_FILE: gettext_noop("not regular files"),
    LeftOut.UNREADABLE: gettext_noop("not readable"),
    LeftOut.BAD_NAME: gettext_noop("names that cannot be shown"),
}


def about_left_out(left_out: Mapping[LeftOut, int], locale: str) -> str:
    """Return a sentence on what was left out, such as `Skipped in out/: 3 (too large).`"""
    gettext = translations(locale).gettext
    total = sum(left_out.values())
    if not total:
        return ""
    reasons = gettext(", ").join(gettext(REASONS[reason]) for reason in LeftOut if left_out.get(reason))
    return gettext("Skipped in out/: %(number)s (%(reasons)s).") % {"number": number(total, locale), "reasons": reasons}
