"""Renders the receipt of a submission: that it has arrived, its place in the queue, and where to follow it. Pure."""

from datetime import datetime, timedelta
from typing import Any, Final

from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.sanitize import one_line
from job_runner.emails.texts.templating import RenderedEmail, rendered
from job_runner.emails.texts.wording import subject, toolchain
from job_runner.leases.claim import ClaimedJob
from shared.records.messages.translations import date_time, digits, number, time_of_day, translations
from shared.records.resources.models import Queue

#: A time of day says when, if it is not farther away.
_HALF_A_DAY: Final = timedelta(hours=12)


def render_receipt(
    job: ClaimedJob, queue: Queue | None, branding: Branding, now: datetime, *, problem: str = ""
) -> RenderedEmail:
    """Return the receipt. `queue` is None if the submission does not wait any more."""
    locale, words = job.locale, translations(job.locale)
    start = ""  # nothing is known about it
    if queue is None:
        place = words.gettext("It has already started.")
    else:
        position = number(queue.position, locale)
        place = words.gettext("Its place in the queue is %(position)s.") % {"position": position}
        if queue.estimated_start_at is not None:
            is_soon = queue.estimated_start_at - now < _HALF_A_DAY
            at = (time_of_day if is_soon else date_time)(queue.estimated_start_at, locale)
            start = words.gettext("It should start around %(time)s.") % {"time": at}
    mail: dict[str, Any] = {
        "subject": subject(job, words.gettext("Received"), problem),
        "about": [part for part in (one_line(job.filename or ""), toolchain(job.language)) if part],
        "lead": words.gettext("We received your submission %(id)s. We will mail you its result.")
        % {"id": digits(str(job.upload), locale)},
        "place": place,
        "start": start,
        "page": branding.links.page(job.upload),
    }
    return rendered("receipt", locale, mail, message_id=branding.receipt_id(job.request_id))
