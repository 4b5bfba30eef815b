"""The words for files of a program that do not come back."""

from collections.abc import Mapping
from typing import Final

from shared.engine.run_call import LeftOut
from shared.messages.translations import gettext_noop, number, translations

REASONS: Final = {
    LeftOut.TOO_MANY: gettext_noop("too many files"),
    LeftOut.TOO_LARGE: gettext_noop("too large"),
    LeftOut.NOT_A_FILE: gettext_noop("a folder, a link or a special file"),
    LeftOut.UNREADABLE: gettext_noop("not readable"),
    LeftOut.BAD_NAME: gettext_noop("a name that cannot be shown"),
}


def about_left_out(left_out: Mapping[LeftOut, int], locale: str) -> str:
    """Return a sentence on what was left out, such as `3 entries of the folder did not come back (too large).`"""
    gettext = translations(locale).gettext
    total = sum(left_out.values())
    if not total:
        return ""
    reasons = ", ".join(gettext(REASONS[reason]) for reason in LeftOut if left_out.get(reason))
    return gettext("Entries of the folder that did not come back: %(number)s (%(reasons)s).") % {
        "number": number(total, locale),
        "reasons": reasons,
    }
