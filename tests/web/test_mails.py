"""The HTML parts of all kinds of mails, in a real browser."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests import mail_gallery
from tests.web.browsing import SCREENS, axe_violations, show_on

pytestmark = pytest.mark.slow

#: Rules about whole pages. A mail is a part of one: a mail program shows it within a landmark of its own.
_OF_PAGES: Final = ("landmark-one-main: ", "region: ")


def test_axe_finds_nothing_on_any_mail(browser: Browser, tmp_path: Path) -> None:
    mail_gallery.main(tmp_path)
    files = sorted(tmp_path.glob("*.html"))
    assert len(files) >= 16
    found = {}
    with browser.new_context() as context:
        page = context.new_page()
        for file in files:
            page.goto(file.as_uri())
            for screen in SCREENS:
                show_on(page, screen)
                faults = [one for one in axe_violations(page) if not one.startswith(_OF_PAGES)]
                found[file.stem, screen.name] = faults
                assert page.evaluate("document.documentElement.scrollWidth") <= screen.width, file
    assert {which: some for which, some in found.items() if some} == {}
