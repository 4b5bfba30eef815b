"""Renders the receipt of a submission: that it has arrived, its place in the queue, and where to follow it. Pure."""

from dataclasses import dataclass
from datetime import UTC
from typing import Final

from job_runner.emails.original import REGARDS
from job_runner.emails.templates import TEMPLATES
from shared.resources.models import Queue

_TIME: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """The parts of a receipt."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    greeting: str
    lead: str
    position: str
    start: str
    #: If it does not wait any more.
    started: str
    link: str
    direction: str = "ltr"


_WORDS: Final = {
    "en": _Words(
        subject="Code received - {upload}",
        greeting="Hi,",
        lead="Your code request {upload} has arrived. The result will be mailed to you.",
        position="Its place in the queue is {position}.",
        start="It should start at about {time}.",
        started="It has already been started.",
        link="Follow it here (the link works for a week)",
    ),
    "fa": _Words(
        subject="برنامهٔ شما رسید - {upload}",
        greeting="سلام،",
        lead="درخواست {upload} شما رسید. نتیجه برای شما فرستاده خواهد شد.",
        position="جایگاه آن در صف {position} است.",
        start="زمان تقریبی آغاز اجرا: {time}.",
        started="اجرای آن آغاز شده است.",
        link="پیگیری (این پیوند یک هفته کار می‌کند)",
        direction="rtl",
    ),
}


def render_receipt(upload: int, queue: Queue | None, *, page: str, locale: str) -> ReceiptText:
    """Return the receipt. `queue` is None if the submission does not wait any more, `page` the recipient's link."""
    known = locale if locale in _WORDS else "en"
    words = _WORDS[known]
    subject, lead = words.subject.format(upload=upload), words.lead.format(upload=upload)
    facts = [words.started] if queue is None else [words.position.format(position=queue.position)]
    if queue is not None and queue.estimated_start_at is not None:
        time = queue.estimated_start_at.astimezone(UTC).strftime(_TIME)
        facts.append(words.start.format(time=time))
    text = "\n\n".join([words.greeting, lead, "\n".join(facts), f"{words.link}:\n{page}", REGARDS])
    html = TEMPLATES.get_template("receipt.html.j2").render(
        locale=known, words=words, subject=subject, lead=lead, facts=facts, page=page, upload=upload
    )
    return ReceiptText(subject, text, html)
