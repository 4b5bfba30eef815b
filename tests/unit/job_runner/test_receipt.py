"""The receipt of a submission, in both languages."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from job_runner.emails.receipt import render_receipt
from job_runner.emails.rendering import RenderedEmail
from job_runner.leases.claim import ClaimedJob
from shared.resources.models import Queue
from tests.factories import BRANDING

JOB = ClaimedJob(0, 7, "a@example.com", None, UUID(int=1), 1, UUID(int=0), filename="main.py", language="py")
QUEUE = Queue(position=3, estimated_start_at=datetime(2026, 1, 31, 12, 5, tzinfo=UTC))
PAGE = BRANDING.links.page(7)


def receipt(queue: Queue | None = QUEUE, locale: str = "en") -> RenderedEmail:
    return render_receipt(replace(JOB, locale=locale), queue, BRANDING)


def test_a_receipt_has_the_place_the_estimate_and_the_link() -> None:
    mail = receipt()
    assert mail.subject == "Code received - 7"
    for part in (mail.text, mail.html):
        assert "main.py" in part
        assert "Its place in the queue is 3." in part
        assert "at about 31 January 2026, 12:05 UTC" in part
    assert f"\n{PAGE}\n" in mail.text
    assert f'href="{PAGE.replace("&", "&amp;")}"' in mail.html
    assert 'lang="en" dir="ltr"' in mail.html


def test_a_receipt_in_persian_is_written_from_right_to_left() -> None:
    mail = receipt(locale="fa")
    assert 'lang="fa" dir="rtl"' in mail.html
    assert "جایگاه آن در صف ۳ است" in mail.text
    assert "۳۱ ژانویه" in mail.text
    assert "Code received" not in mail.subject


@pytest.mark.parametrize("locale", ["en", "fa"])
def test_a_submission_that_runs_already_has_no_place(locale: str) -> None:
    mail = receipt(None, locale)
    assert "queue" not in mail.text
    assert "صف" not in mail.text
    assert PAGE in mail.text


def test_without_an_estimate_there_is_only_the_place() -> None:
    mail = receipt(Queue(position=1, estimated_start_at=None))
    assert "Its place in the queue is 1." in mail.text
    assert "about" not in mail.text


def test_an_unknown_locale_is_english() -> None:
    assert receipt(locale="xx") == receipt(locale="en")


def test_its_message_id_depends_on_the_request_alone() -> None:
    assert receipt().message_id == receipt(None, "fa").message_id == f"<precieux.{UUID(int=1)}.receipt@example.com>"
