"""Renders the one mail that an address gets for a whole batch. Pure.

Names of files are hostile, as in `job_runner.emails.render`: the subject has none, and the HTML part escapes them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tabulate import tabulate

from job_runner.emails.original import REGARDS
from job_runner.emails.render import RenderedEmail
from job_runner.emails.templates import TEMPLATES
from shared.control_characters import replace_controls
from shared.engine import GOOD_VERDICTS

#: A name of a file may have 255 bytes.
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Line:
    """A submission in a digest. `result` is its verdict, or its state if there is none; `page` its recipient's link."""

    id: int
    file: str
    language: str
    result: str
    page: str
    points: float | None = None
    points_awarded: float | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    greeting: str
    lead: str
    columns: tuple[str, str, str, str, str]
    page: str
    pages: str
    direction: str = "ltr"


_WORDS: Final = {
    "en": _Words(
        subject="Results of batch {batch}",
        greeting="Hi,",
        lead="All submissions of batch {batch} have ended. Yours are below: {count}, of which {good} ended well.",
        columns=("Request", "File", "Language", "Result", "Points"),
        page="Page",
        pages="The pages show the output. Their links work for a week.",
    ),
    "fa": _Words(
        subject="نتایج دستهٔ {batch}",
        greeting="سلام،",
        lead="همهٔ برنامه‌های دستهٔ {batch} پایان یافتند: {count} برنامه از آنِ شماست و {good} برنامه درست پایان یافت.",
        columns=("شماره", "پرونده", "زبان", "نتیجه", "امتیاز"),
        page="صفحه",
        pages="خروجی در این صفحه‌هاست. این پیوندها یک هفته کار می‌کنند.",
        direction="rtl",
    ),
}


def render_digest(batch: int, lines: Sequence[Line], *, recipient: str, locale: str, domain: str) -> RenderedEmail:
    """Return the mail about these submissions of a batch. `domain` is the right side of its Message-ID."""
    words = _WORDS.get(locale, _WORDS["en"])
    good = {number for number, line in enumerate(lines) if line.result in GOOD_VERDICTS}
    subject = words.subject.format(batch=batch)
    lead = words.lead.format(batch=batch, count=len(lines), good=len(good))
    has_points = any(line.points is not None for line in lines)
    rows = [_cells(line)[: None if has_points else -1] for line in lines]
    columns = words.columns[: None if has_points else -1]
    with_pages = [(*cells, line.page) for cells, line in zip(rows, lines, strict=True)]
    table = tabulate(with_pages, (*columns, words.page), tablefmt="plain", disable_numparse=True)
    return RenderedEmail(
        subject=subject,
        text=f"{words.greeting}\n\n{lead}\n\n{table}\n\n{words.pages}\n\n{REGARDS}",
        html=TEMPLATES.get_template("digest.html.j2").render(
            locale=locale if locale in _WORDS else "en",
            words=words,
            subject=subject,
            lead=lead,
            columns=columns,
            rows=zip(rows, (line.page for line in lines), strict=True),
            count=len(rows),
            good=good,
            batch=batch,
        ),
        message_id=f"<precieux.batch-{batch}.{_digest(recipient)}@{domain}>",
    )


def _cells(line: Line) -> tuple[str, ...]:
    file = replace_controls(line.file).replace("\n", " ")
    shown = file if len(file) <= _LONGEST_NAME else f"{file[:_LONGEST_NAME]}…"
    points = "" if line.points is None else f"{line.points_awarded or 0:g} / {line.points:g}"
    return (str(line.id), shown, line.language, line.result.replace("_", " "), points)


def _digest(recipient: str) -> str:
    """Return a short text that depends only on the address, for the Message-ID of its mail."""
    return hashlib.sha256(recipient.lower().encode()).hexdigest()[:16]
