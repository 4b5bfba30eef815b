"""`python -m tests.translations` brings the files of `shared/records/locales/` up to date with the code.

`python -m tests.translations de` also begins one for a new locale.

New messages get an empty translation, which `tests/unit/shared/test_translations.py` reports until it is written.
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from shared.records.messages.translations import FOLDER, LOCALES, SOURCE_LOCALE

_ROOT: Final = Path(__file__).parent.parent
_PACKAGES: Final = ("api_service", "job_runner", "shared")
_METHODS: Final = [("**/database/migrations/**", "ignore"), ("**.py", "python"), ("**.j2", "jinja2")]
_OPTIONS: Final = {"**.j2": {"trimmed": "true", "silent": "false"}}
_KEYWORDS: Final = {**DEFAULT_KEYWORDS, "gettext_noop": None}
# Without dates and numbers of lines, a file changes only where its messages do.
_HEADER: Final = """\
# Precieux in {name}. New messages are added by `python -m tests.translations`.
msgid ""
msgstr ""
"Language: {locale}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def messages() -> Catalog:
    """Return the messages of the code and of the templates."""
    found = Catalog(charset="utf-8")
    for package in _PACKAGES:
        for file, _, message, comments, context in extract_from_dir(
            _ROOT / package, _METHODS, _OPTIONS, _KEYWORDS, comment_tags=["L10n:"], strip_comment_tags=True
        ):
            found.add(message, None, [(f"{package}/{file}", 1)], auto_comments=comments, context=context)
    return found


def file_of(locale: str) -> Path:
    return FOLDER / f"{locale}.po"


def read(locale: str) -> Catalog:
    file = file_of(locale)
    return read_po(BytesIO(file.read_bytes() if file.exists() else b""), locale)


def updated(locale: str) -> str:
    """Return the text of a locale's file with all messages of the code, and no others."""
    catalog = read(locale)
    catalog.update(messages(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    text = BytesIO()
    write_po(text, catalog, width=0, omit_header=True, sort_output=True, include_lineno=False)
    name = catalog.locale.english_name if catalog.locale else locale
    return _HEADER.format(name=name, locale=locale, plural_forms=catalog.plural_forms) + text.getvalue().decode()


if __name__ == "__main__":
    for locale in {*LOCALES, *sys.argv[1:]} - {SOURCE_LOCALE}:
        file_of(locale).write_text(updated(locale))
