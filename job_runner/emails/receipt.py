"""Renders the receipt of a submission: that it has arrived, its place in the queue, and where to follow it. Pure."""

from typing import Any

from job_runner.emails.branding import Branding
from job_runner.emails.rendering import RenderedEmail, render_html, render_text
from job_runner.emails.sanitize import one_line
from job_runner.leases.claim import ClaimedJob
from shared.engine.languages import name_of
from shared.messages.translations import date_time, digits, number, translations
from shared.resources.models import Queue


def render_receipt(job: ClaimedJob, queue: Queue | None, branding: Branding) -> RenderedEmail:
    """Return the receipt. `queue` is None if the submission does not wait any more."""
    locale, words = job.locale, translations(job.locale)
    named = {"id": digits(str(job.upload), locale)}
    start = ""  # nothing is known about it
    if queue is None:
        place = words.gettext("It has already been started.")
    else:
        position = number(queue.position, locale)
        place = words.gettext("Its place in the queue is %(position)s.") % {"position": position}
        if queue.estimated_start_at is not None:
            at = date_time(queue.estimated_start_at, locale)
            start = words.gettext("It should start at about %(time)s.") % {"time": at}
    mail: dict[str, Any] = {
        "subject": words.gettext("Code received - %(id)s") % named,
        "about": [part for part in (one_line(job.filename or ""), name_of(one_line(job.language))) if part],
        "lead": words.gettext("Your code request %(id)s has arrived. The result will be mailed to you.") % named,
        "place": place,
        "start": start,
    }
    page = branding.links.page(job.upload)
    return RenderedEmail(
        subject=mail["subject"],
        text=render_text("receipt", locale, mail=mail, page=page),
        html=render_html("receipt", locale, mail=mail, page=page),
        message_id=branding.receipt_id(job.request_id),
    )
