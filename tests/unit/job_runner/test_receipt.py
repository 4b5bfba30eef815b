"""The receipt of a submission, in both languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from job_runner.emails.texts.receipt import render_receipt
from job_runner.emails.texts.templating import RenderedEmail
from shared.records.resources.models import Queue
from tests.factories import BRANDING, claimed_job

JOB = claimed_job(upload=7, filename="main.py")
NOW = datetime(2026, 1, 31, 12, 1, tzinfo=UTC)
QUEUE = Queue(position=3, estimated_start_at=NOW + timedelta(minutes=4))
PAGE = BRANDING.links.page(7)


def receipt(queue: Queue | None = QUEUE, locale: str = "en") -> RenderedEmail:
    return render_receipt(replace(JOB, locale=locale), queue, BRANDING, NOW)


def test_a_receipt_has_the_place_the_estimate_and_the_link() -> None:
    mail = receipt()
    assert mail.subject == "main.py: received (#7)"
    of_a_problem = render_receipt(JOB, QUEUE, BRANDING, NOW, problem="Sum of numbers (sum@3)")
    assert of_a_problem.subject == "main.py for sum@3: received (#7)"
    for part in (mail.text, mail.html):
        assert "main.py" in part
        assert "Its place in the queue is 3." in part
        assert "It should start around 12:05 UTC." in part
    assert f"\n{PAGE}\n" in mail.text
    assert f'href="{PAGE.replace("&", "&amp;")}"' in mail.html
    assert 'lang="en" dir="ltr"' in mail.html
    without_estimate = receipt(Queue(position=1, estimated_start_at=None)).text
    assert "Its place in the queue is 1." in without_estimate
    assert "around" not in without_estimate


def test_a_receipt_in_persian_is_written_from_right_to_left() -> None:
    mail = receipt(locale="fa")
    assert 'lang="fa" dir="rtl"' in mail.html
    assert "جایگاه آن در صف ۳ است" in mail.text
    assert "ساعت ۱۲:۰۵" in mail.text
    assert mail.subject == "\u2068main.py\u2069: دریافت شد (شمارهٔ ۷)"


@pytest.mark.parametrize("locale", ["en", "fa"])
def test_a_submission_that_runs_already_has_no_place(locale: str) -> None:
    mail = receipt(None, locale)
    assert "queue" not in mail.text
    assert "صف" not in mail.text
    assert PAGE in mail.text


def test_a_start_on_another_day_has_its_date() -> None:
    far = Queue(position=3, estimated_start_at=NOW + timedelta(hours=13))
    assert "around 1 February 2026, 01:01 UTC." in receipt(far).text
    assert "حدود ۱۲ بهمن ۱۴۰۴، ساعت ۰۱:۰۱" in receipt(far, "fa").text


def test_its_message_id_depends_on_the_request_alone() -> None:
    assert receipt().message_id == receipt(None, "fa").message_id == f"<precieux.{UUID(int=1)}.receipt@example.com>"
