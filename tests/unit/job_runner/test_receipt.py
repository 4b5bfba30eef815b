"""The receipt of a submission, in both languages."""

from datetime import UTC, datetime

import pytest

from job_runner.emails.footer import Footer
from job_runner.emails.receipt import render_receipt
from job_runner.mailers.base import Email
from shared.resources.models import Queue

PAGE = "https://precieux.example.org/page?a=1&b=2"
QUEUE = Queue(position=3, estimated_start_at=datetime(2026, 1, 31, 12, 5, tzinfo=UTC))


def test_a_receipt_has_the_place_the_estimate_and_the_link() -> None:
    receipt = render_receipt(7, QUEUE, page=PAGE, locale="en")
    assert receipt.subject == "Code received - 7"
    for part in (receipt.text, receipt.html):
        assert "Its place in the queue is 3." in part
        assert "at about 2026-01-31 12:05 UTC" in part
    assert f"\n{PAGE}\n" in receipt.text
    assert f'href="{PAGE.replace("&", "&amp;")}"' in receipt.html
    assert 'lang="en" dir="ltr"' in receipt.html


def test_a_receipt_in_persian_is_written_from_right_to_left() -> None:
    receipt = render_receipt(7, QUEUE, page=PAGE, locale="fa")
    assert 'lang="fa" dir="rtl"' in receipt.html
    assert "جایگاه آن در صف 3 است" in receipt.text
    assert "Code received" not in receipt.subject


@pytest.mark.parametrize("locale", ["en", "fa"])
def test_a_submission_that_runs_already_has_no_place(locale: str) -> None:
    receipt = render_receipt(7, None, page=PAGE, locale=locale)
    assert "queue" not in receipt.text
    assert "صف" not in receipt.text
    assert PAGE in receipt.text


def test_without_an_estimate_there_is_only_the_place() -> None:
    receipt = render_receipt(7, Queue(position=1, estimated_start_at=None), page=PAGE, locale="en")
    assert "Its place in the queue is 1." in receipt.text
    assert "about" not in receipt.text


def test_an_unknown_locale_is_english() -> None:
    assert render_receipt(7, None, page=PAGE, locale="xx") == render_receipt(7, None, page=PAGE, locale="en")


def test_the_footer_fits_a_receipt() -> None:
    receipt = render_receipt(7, QUEUE, page=PAGE, locale="en")
    email = Email("a@example.com", receipt.subject, receipt.text, receipt.html, "<1@example.com>", "https://u")
    with_footer = Footer("Precieux <results@example.com>", "abuse@example.com").add_to(email)
    assert with_footer.text.endswith("Regards,\n\nPrecieux\n")
    assert with_footer.text.index("unsubscribe:") < with_footer.text.index("Regards,")
    assert with_footer.html.count("</body>") == 1
