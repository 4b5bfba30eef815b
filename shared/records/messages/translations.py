"""The texts for people in their languages: messages, numbers, times and sizes.

The messages in the code are English. Each file `shared/records/locales/<locale>.po` translates them to one more
language, and is all that a language needs. `python -m tests.translations` brings these files up to date with the code.
A locale without a file counts as English.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent, get_decimal_symbol, get_minus_sign_symbol
from babel.support import Translations

#: The language of the messages in the code.
SOURCE_LOCALE: Final = "en"
FOLDER: Final = Path(__file__).parents[1] / "locales"
#: All locales that there are texts in, English first.
LOCALES: Final = (SOURCE_LOCALE, *sorted(file.stem for file in FOLDER.glob("*.po")))

#: The digit zero of CLDR's numbering systems. Babel formats with the signs of a system, but leaves the digits.
_ZEROS: Final = {"arab": "٠", "arabext": "۰", "beng": "০", "deva": "०"}
#: The months of the Solar Hijri calendar, which Persian dates are in, and Babel does not know. Six have 31 days.
_MONTHS: Final = (
    *("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور"),
    *("مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"),
)
#: Smaller numbers have no groups of digits, in no locale.
_UNGROUPED: Final = 1000
_MEBIBYTE: Final = 1 << 20
_KIBIBYTE: Final = 1 << 10


def known_locale(locale: str | None) -> str:
    """Return the locale, or English if there are no texts in it."""
    return locale if locale in LOCALES else SOURCE_LOCALE


def direction(locale: str) -> str:
    """Return `ltr` or `rtl`, for the attribute `dir` of HTML."""
    return _of(locale).text_direction


@lru_cache
def translations(locale: str) -> Translations:
    """Return the messages of a locale. Those of English, and of an unknown locale, are the messages of the code."""
    if locale == SOURCE_LOCALE or locale not in LOCALES:
        return Translations()
    with (FOLDER / f"{locale}.po").open("rb") as file:
        catalog = read_po(file, locale)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


def gettext_noop(message: str) -> str:
    """Return the message as it is. The call marks a constant for translation, which happens where it is shown."""
    return message


def number(value: float, locale: str) -> str:
    """Return a finite number with at most three decimals, in the digits of the locale."""
    if abs(value) < _UNGROUPED:
        # Babel takes 35 microseconds for a number, and a mail has several.
        return f"{value:.3f}".rstrip("0").rstrip(".").translate(_signs(locale))
    return digits(format_decimal(value, "#,##0.###", locale=_of(locale), numbering_system="default"), locale)


def percent(share: float, locale: str) -> str:
    """Return a share of 1 as a whole percentage, in the digits of the locale."""
    return digits(format_percent(share, locale=_of(locale), numbering_system="default"), locale)


def date_time(moment: datetime, locale: str) -> str:
    """Return a time in UTC to the minute, in the words and digits of the locale."""
    return _to_the_minute(moment.astimezone(UTC).replace(second=0, microsecond=0), locale)


def time_of_day(moment: datetime, locale: str) -> str:
    """Return a time of day in UTC, such as `21:10 UTC`."""
    text = translations(locale).gettext("%(time)s UTC") % {"time": f"{moment.astimezone(UTC):%H:%M}"}
    return digits(text, locale)


@lru_cache
def _of(locale: str) -> Locale:
    return Locale.parse(known_locale(locale))


@lru_cache
def _to_the_minute(utc: datetime, locale: str) -> str:
    day = _solar_hijri(utc.date()) if locale == "fa" else format_date(utc, "d MMMM y", locale=_of(locale))
    parts = {"date": day, "time": f"{utc:%H:%M}"}
    return digits(translations(locale).gettext("%(date)s, %(time)s UTC") % parts, locale)


def _solar_hijri(day: date) -> str:
    """Return a date of the Solar Hijri calendar, such as `5 آذر 1405`. It has 8 leap years in 33."""
    # Cycles of 33 years consist of spans of four, which begin with a leap year. One began 356032 days before our era.
    cycles, days = divmod(day.toordinal() + 356_032, 33 * 365 + 8)
    spans, days = divmod(days, 4 * 365 + 1)
    years = max(0, days - 1) // 365
    days -= 365 * years + bool(years)
    month, day_of_month = divmod(days, 31) if days < 6 * 31 else divmod(days - 6, 30)
    return f"{day_of_month + 1} {_MONTHS[month]} {33 * cycles + 4 * spans + years - 1595}"


def seconds(duration: float, locale: str) -> str:
    """Return a duration such as `0.125 s`."""
    return translations(locale).gettext("%(number)s s") % {"number": number(duration, locale)}


def age(duration: float, locale: str) -> str:
    """Return a duration in seconds in words and one unit, such as `3 minutes`."""
    words = format_timedelta(timedelta(seconds=round(duration)), threshold=1.5, locale=_of(locale))
    return digits(words, locale)


def memory(size: float, locale: str) -> str:
    """Return a size in bytes as mebibytes, such as `12.5 MiB`."""
    mebibytes = number(round(size / _MEBIBYTE, 1), locale)
    return translations(locale).gettext("%(number)s MiB") % {"number": mebibytes}


def file_size(size: int, locale: str) -> str:
    """Return the size of a file, such as `12.5 KiB`. `size` in static/page.js writes it alike."""
    if size < 10 * _KIBIBYTE:
        return translations(locale).gettext("%(number)s bytes") % {"number": number(size, locale)}
    if size >= _MEBIBYTE:
        return memory(size, locale)
    kibibytes = number(round(size / _KIBIBYTE, 1), locale)
    return translations(locale).gettext("%(number)s KiB") % {"number": kibibytes}


def isolated(name: str, locale: str) -> str:
    """Return a name for a sentence, within the marks of an isolate (UAX #9) in a locale written from right to left.

    Without these, a Latin name and the signs beside it change places. Other locales need none.
    """
    return f"\u2068{name}\u2069" if direction(locale) == "rtl" else name


def digits(text: str, locale: str) -> str:
    """Return the text with the digits of the locale. It must be prose: code keeps its digits."""
    return text.translate(_digits(locale))


@lru_cache
def _signs(locale: str) -> Mapping[int, int | str]:
    signs = {".": get_decimal_symbol, "-": get_minus_sign_symbol}
    return {
        **_digits(locale),
        **{ord(sign): symbol(_of(locale), numbering_system="default") for sign, symbol in signs.items()},
    }


@lru_cache
def _digits(locale: str) -> Mapping[int, int]:
    zero = ord(_ZEROS.get(_of(locale).default_numbering_system, "0"))
    return {ord("0") + digit: zero + digit for digit in range(10)}
