"""The HTML parts of all kinds of mails, in a real browser."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests import mail_gallery
from tests.web.browsing import expect_all_can_read

pytestmark = pytest.mark.slow

#: Rules about whole pages. A mail is a part of one: a mail program shows it within a landmark of its own.
_OF_PAGES: Final = ("landmark-one-main: ", "region: ")


def test_all_can_read_each_mail(browser: Browser, tmp_path: Path) -> None:
    mail_gallery.main(tmp_path)
    files = sorted(tmp_path.glob("*.html"))
    assert len(files) >= 16
    with browser.new_context() as context:
        page = context.new_page()
        for file in files:
            page.goto(file.as_uri())
            expect_all_can_read(page, but=_OF_PAGES)
