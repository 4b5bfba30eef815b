"""Renders the one mail that an address gets for a whole batch: a table, and all of it as an attached CSV file. Pure.

Names of files are hostile, as in `texts.result`: the subject has none, and the HTML part escapes them.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.sanitize import one_line
from job_runner.emails.texts.templating import RenderedEmail, StoredAttachment, rendered
from shared.common.text.csv_cells import text_cell
from shared.engine_api.codex import Verdict
from shared.engine_api.languages import name_of
from shared.engine_api.run_call.events import GOOD_VERDICTS
from shared.records.messages.translations import digits, gettext_noop, isolated, number, translations
from shared.records.messages.verdict_texts import LABELS

#: Rows in the mail itself: Gmail cuts off a mail of more than 102 KB. Those that did not end well come first.
MAX_ROWS: Final = 100
#: By verdict, and by state.
_LABELS: Final[Mapping[str, str]] = {
    **{str(verdict): label for verdict, label in LABELS.items()},
    "failed": gettext_noop("Could not be run"),
    "cancelled": gettext_noop("Cancelled"),
    "finished": gettext_noop("Finished"),
}
#: Bytes of a path (`shared.common.text.source_paths`).
_MAX_PATH: Final = 255
_COLUMNS: Final = ("submission", "file", "language", "result", "points_awarded", "points", "page")


@dataclass(frozen=True, slots=True)
class Line:
    """A submission in a digest. `result` is the verdict, or the state without a verdict; `page` the recipient's link.

    `problem` is the name and version of its problem, if it has one.
    """

    id: int
    file: str
    language: str
    result: str
    page: str
    points: float | None = None
    points_awarded: float | None = None
    problem: str | None = None


def render_digest(
    batch: int, lines: Sequence[Line], branding: Branding, *, recipient: str, locale: str
) -> RenderedEmail:
    """Return the mail about these submissions of a batch."""
    table = StoredAttachment(f"batch-{batch}.csv", "text/csv; charset=utf-8", text=as_csv(lines))
    message_id = branding.digest_id(batch, recipient)
    return rendered("digest", locale, _digest(batch, lines, locale), message_id=message_id, attachments=(table,))


def as_csv(lines: Sequence[Line]) -> str:
    """Return the whole table as CSV."""
    rows = []
    for line in lines:
        awarded = "" if line.result == Verdict.JUDGE_ERROR else f"{line.points_awarded or 0:.12g}"
        points = ("", "") if line.points is None else (awarded, f"{line.points:.12g}")
        file = one_line(line.file, _MAX_PATH)
        rows.append((str(line.id), file, one_line(line.language), line.result, *points, line.page))
    return table_as_csv(_COLUMNS, rows)


def table_as_csv(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as CSV (RFC 4180), in which no spreadsheet takes a cell for a formula.

    It begins with a byte order mark, by which Excel knows UTF-8.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(map(text_cell, row) for row in rows)
    return f"\ufeff{text.getvalue()}"


def _digest(batch: int, lines: Sequence[Line], locale: str) -> dict[str, Any]:
    words, gettext = translations(locale), translations(locale).gettext
    good = sum(_is_good(line) for line in lines)
    unjudged = sum(line.result == Verdict.JUDGE_ERROR for line in lines)
    has_points = any(line.points is not None for line in lines)
    counts = {"good": number(good, locale), "num": number(len(lines), locale)}
    heading = words.ngettext(
        "%(good)s of %(num)s submission succeeded", "%(good)s of %(num)s submissions succeeded", len(lines)
    )
    shown = lines if len(lines) <= MAX_ROWS else sorted(lines, key=_is_good)[:MAX_ROWS]
    notes = [gettext("These links work for a week."), gettext("The attached file has the whole table.")]
    if unjudged:
        message = words.ngettext(
            "The judge failed for %(num)s submission, which is no fault of the program.",
            "The judge failed for %(num)s submissions, which is no fault of the programs.",
            unjudged,
        )
        notes.insert(0, message % {"num": number(unjudged, locale)})
    if len(shown) < len(lines):
        left = number(len(lines) - len(shown), locale)
        notes.insert(0, gettext("%(left)s more are only in the attached file.") % {"left": left})
    return {
        "subject": _subject(batch, heading % counts, {line.problem for line in lines}, locale),
        "heading": heading % counts,
        "lead": gettext("This batch has finished. Your submissions are below."),
        "tone": "good" if good == len(lines) else "muted" if good + unjudged == len(lines) else "bad",
        "columns": (gettext("File"), gettext("Result"), *([gettext("Points")] if has_points else [])),
        "rows": [_row(line, locale) for line in shown],
        "notes": notes,
    }


def _subject(batch: int, counts: str, problems: Set[str | None], locale: str) -> str:
    """Return the subject. It names the problem if all submissions have the same."""
    gettext = translations(locale).gettext
    name = gettext("Batch %(id)s") % {"id": digits(str(batch), locale)}
    if len(problems) == 1 and (problem := next(iter(problems))):
        name = gettext("%(file)s for %(problem)s") % {"file": name, "problem": isolated(problem, locale)}
    return f"{name}: {counts}"


def _row(line: Line, locale: str) -> dict[str, str]:
    gettext = translations(locale).gettext
    points = ""
    if line.points is not None and line.result != Verdict.JUDGE_ERROR:
        parts = {"part": number(line.points_awarded or 0, locale), "whole": number(line.points, locale)}
        points = gettext("%(part)s of %(whole)s") % parts
    return {
        "id": digits(str(line.id), locale),
        "file": one_line(line.file),
        "language": name_of(one_line(line.language)),
        "result": gettext(_LABELS.get(line.result, line.result)),
        "tone": "good" if _is_good(line) else "muted" if line.result == Verdict.JUDGE_ERROR else "bad",
        "points": points,
        "page": line.page,
    }


def _is_good(line: Line) -> bool:
    return line.result in GOOD_VERDICTS
