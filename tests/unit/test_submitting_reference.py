"""The page for those who submit agrees with the code."""

import re
from pathlib import Path

from executor import languages
from tests import submitting_reference

_ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_up_to_date() -> None:
    assert submitting_reference.PAGE.read_text() == submitting_reference.page(), (
        "run `python -m tests.submitting_reference`"
    )


def test_every_flag_of_every_language_is_on_it() -> None:
    page = submitting_reference.page()
    for language in languages.known().values():
        compile_ = language.compile
        options = [option.word for option in compile_.options.values()] if compile_ else []
        for word in (*(compile_.words if compile_ else ()), *language.run.words, *options):
            assert all(part in page for part in re.split(r"\{\w+\}", word))


def test_other_pages_link_to_it() -> None:
    for document in ("README.md", "docs/executor.md", "docs/operations.md"):
        assert "submitting.md" in (_ROOT / document).read_text()
