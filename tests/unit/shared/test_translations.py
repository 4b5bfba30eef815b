import re
from collections.abc import Callable
from datetime import UTC, datetime

import jinja2
import pytest
from babel.messages.catalog import Message

from shared.records.messages import translations
from shared.records.messages.templates import environment
from shared.records.messages.translations import LOCALES, SOURCE_LOCALE
from tests.translations import file_of, read, updated

TRANSLATED = [locale for locale in LOCALES if locale != SOURCE_LOCALE]


def rendered(source: str, locale: str, name: str = "page.html.j2", **values: object) -> str:
    return environment(jinja2.DictLoader({name: source}), locale).get_template(name).render(values)


@pytest.mark.parametrize("locale", TRANSLATED)
def test_every_message_is_translated(locale: str) -> None:
    untranslated = [message.id for message in read(locale) if message.id and not _is_complete(message)]
    assert untranslated == [], f"translate these in {file_of(locale)}"


@pytest.mark.parametrize("locale", TRANSLATED)
def test_the_files_have_the_messages_of_the_code(locale: str) -> None:
    assert file_of(locale).read_text() == updated(locale), "run `python -m tests.translations`"


@pytest.mark.parametrize("locale", TRANSLATED)
def test_translations_have_the_messages_placeholders(locale: str) -> None:
    assert [(message.id, list(errors)) for message, errors in read(locale).check()] == []


def test_persian_has_its_own_digits_and_separators() -> None:
    placeholder = re.compile(r"%\(\w+\)s|%%")
    wrong = [
        text
        for message in read("fa")
        for text in ([message.string] if isinstance(message.string, str) else message.string or ())
        if message.id and re.search(r"[0-9,;?٠-٩يك]", placeholder.sub("", text))
    ]
    assert wrong == []


def test_persian_is_written_from_right_to_left() -> None:
    assert [translations.direction(locale) for locale in ("en", "fa")] == ["ltr", "rtl"]


def test_numbers_have_the_digits_of_the_locale() -> None:
    assert translations.number(1234.5, "en") == "1,234.5"
    assert translations.number(1234.5, "fa") == "۱٬۲۳۴٫۵"
    assert translations.percent(0.5, "fa").startswith("۵۰")
    assert translations.seconds(0.125, "en") == "0.125 s"
    assert translations.memory(3 << 19, "fa") == "۱٫۵ مبی‌بایت"


def test_times_are_in_utc_and_words_of_the_locale() -> None:
    moment = datetime(2026, 11, 26, 9, 5, tzinfo=UTC)
    assert translations.date_time(moment, "en") == "26 November 2026, 09:05 UTC"
    assert translations.date_time(moment, "fa") == "۵ آذر ۱۴۰۵، ساعت ۰۹:۰۵ (UTC)"
    assert translations.time_of_day(moment, "en") == "09:05 UTC"
    assert translations.time_of_day(moment, "fa") == "ساعت ۰۹:۰۵ (UTC)"


@pytest.mark.parametrize(
    ("day", "persian"),
    [
        ((1979, 2, 11), "۲۲ بهمن ۱۳۵۷"),
        ((2021, 3, 20), "۳۰ اسفند ۱۳۹۹"),
        ((2021, 3, 21), "۱ فروردین ۱۴۰۰"),
        ((2024, 3, 19), "۲۹ اسفند ۱۴۰۲"),
        ((2025, 3, 20), "۳۰ اسفند ۱۴۰۳"),
        ((2026, 9, 22), "۳۱ شهریور ۱۴۰۵"),
        ((2026, 9, 23), "۱ مهر ۱۴۰۵"),
    ],
)
def test_persian_dates_are_those_of_its_calendar(day: tuple[int, int, int], persian: str) -> None:
    assert translations.date_time(datetime(*day, 12, tzinfo=UTC), "fa").startswith(f"{persian}،")


def test_an_unknown_locale_is_english() -> None:
    assert translations.known_locale("xx") == translations.known_locale(None) == "en"
    assert translations.translations("../en").gettext("%(number)s s") == "%(number)s s"


@pytest.mark.parametrize("locale", ["xx", "de", "", "en_US.UTF-8", "fa_IR"])
def test_what_has_no_texts_in_its_locale_is_english(locale: str) -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    shown: list[Callable[[str], str]] = [
        lambda locale: translations.number(1234567.5, locale),
        lambda locale: translations.number(-0.5, locale),
        lambda locale: translations.date_time(moment, locale),
        lambda locale: translations.age(180, locale),
        lambda locale: translations.isolated("a.py", locale),
    ]
    assert [show(locale) for show in shown] == [show("en") for show in shown]


def test_templates_translate_and_escape() -> None:
    source = "{% trans number=value %}{{ number }} s{% endtrans %} {{ value }}"
    assert rendered(source, "fa", value="<b>") == "&lt;b&gt; ثانیه &lt;b&gt;"
    assert rendered("{{ 5|number }} {{ direction }}", "fa") == "۵ rtl"


def test_only_text_templates_are_not_escaped() -> None:
    assert rendered("{{ value }}", "en", name="mail.txt.j2", value="<b>") == "<b>"
    assert rendered("{{ value }}", "en", name="mail.html.j2", value="<b>") == "&lt;b&gt;"


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        rendered("{{ missing }}", "en")


def _is_complete(message: Message) -> bool:
    strings = [message.string] if isinstance(message.string, str) else message.string
    return all(strings or [""]) and not message.fuzzy
