"""The HTML of the mails is as short as mail programs want it. `tests/web/test_mails.py` looks at its colours."""

import re

from tests.mail_gallery import email_of, mails


def test_a_mail_fits_what_gmail_shows() -> None:
    """Gmail cuts off what follows after 102 KB, and drops a style element of more than 16 KB."""
    for name, locale, mail in mails():
        page = email_of(mail, locale).html
        assert len(page.encode()) < 102_000, name
        assert len(re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]) < 16_000, name
