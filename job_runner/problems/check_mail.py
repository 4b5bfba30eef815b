"""Renders the report of a check: the result, the time limit, faults of the data, and the jury's submissions. Pure.

Paths and messages of packages are hostile, as in `job_runner.emails.texts.result_content`: the HTML part escapes them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from job_runner.emails.texts.branding import Branding
from job_runner.emails.texts.digest import MAX_ROWS, table_as_csv
from job_runner.emails.texts.sanitize import one_line
from job_runner.emails.texts.templating import RenderedEmail, StoredAttachment, rendered
from shared.records.messages.translations import gettext_noop, number, translations
from shared.records.messages.verdict_texts import LABELS
from shared.records.resources.check_models import CheckResult, CheckVerdict

_COLUMNS: Final = ("path", "language", "expected", "verdict", "points_awarded", "slowest_s", "result", "detail")
_RESULTS: Final = {
    CheckResult.AS_EXPECTED: gettext_noop("As expected"),
    CheckResult.UNEXPECTED: gettext_noop("Unexpected"),
    CheckResult.NOT_RUN: gettext_noop("Not run"),
}
_TONES: Final = {CheckResult.AS_EXPECTED: "good", CheckResult.UNEXPECTED: "bad", CheckResult.NOT_RUN: "muted"}
_MAX_FAULTS: Final = 20
_MAX_CELL: Final = 300


def render_check(
    batch: int,
    problem: str,
    title: str,
    *,
    verdict: CheckVerdict,
    time_limit: Mapping[str, Any] | None,
    data: Sequence[Mapping[str, str]],
    entries: Sequence[Mapping[str, Any]],
    branding: Branding,
    locale: str,
) -> RenderedEmail:
    """Return the mail about a check. `data` and `entries` are those of its row, the latter with their results."""
    words, gettext = translations(locale), translations(locale).gettext
    ordered = sorted(entries, key=lambda entry: bool(entry["result"] != CheckResult.UNEXPECTED))
    unexpected = sum(entry["result"] == CheckResult.UNEXPECTED for entry in entries)
    is_good = verdict is CheckVerdict.PASSED
    heading = gettext("The check of %(problem)s passed") if is_good else gettext("The check of %(problem)s failed")
    lead = words.ngettext(
        "%(num)s jury submission got an unexpected result.",
        "%(num)s jury submissions got an unexpected result.",
        unexpected,
    ) % {"num": number(unexpected, locale)}
    limit = gettext("A time limit could not be derived.")
    if time_limit is not None:
        limit = gettext("The time limit is %(seconds)s s.") % {"seconds": number(time_limit["cpu_s"], locale)}
    notes = [gettext("The attached file has the whole table.")]
    if len(data) > _MAX_FAULTS:
        left = number(len(data) - _MAX_FAULTS, locale)
        notes.insert(0, gettext("%(left)s more faults were found in the data.") % {"left": left})
    mail: dict[str, Any] = {
        "subject": heading % {"problem": problem},
        "heading": heading % {"problem": problem},
        "about": [one_line(title)],
        "tone": "good" if is_good else "bad",
        "lead": lead if unexpected else gettext("Every jury submission got the expected result."),
        "limit": limit,
        "data_title": gettext("Faults in the data"),
        "data": [{"path": one_line(fault["path"]), "detail": one_line(fault["detail"], _MAX_CELL)}
                 for fault in data[:_MAX_FAULTS]],
        "columns": (gettext("Program"), gettext("Result")),
        "rows": [_row(entry, locale) for entry in ordered[:MAX_ROWS]],
        "notes": notes,
    }  # fmt: skip
    table = StoredAttachment(f"check-{problem}.csv", "text/csv; charset=utf-8", text=_csv(ordered))
    return rendered("check", locale, mail, message_id=branding.check_id(batch), attachments=(table,))


def _row(entry: Mapping[str, Any], locale: str) -> dict[str, Any]:
    """Return what the templates show of a submission. `about` is what was expected, and its slowest test."""
    gettext = translations(locale).gettext
    slowest = entry.get("slowest_s")
    got = entry.get("verdict")
    about = []
    if entry["expected"]:
        about.append(gettext("Expected: %(verdicts)s") % {"verdicts": ", ".join(entry["expected"])})
    if slowest is not None:
        time = gettext("%(number)s s") % {"number": number(slowest, locale)}
        about.append(gettext("Slowest test: %(time)s") % {"time": time})
    return {
        "path": one_line(entry["path"]).removeprefix("submissions/"),
        "about": about,
        "result": gettext(_RESULTS[entry["result"]]),
        "got": gettext(LABELS[got]) if got else "",
        "tone": _TONES[entry["result"]],
        "detail": one_line(entry.get("detail") or "", _MAX_CELL),
    }


def _csv(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for entry in entries:
        cells = {**entry, "expected": " ".join(entry["expected"])}
        texts = ("" if cells.get(name) is None else str(cells[name]) for name in _COLUMNS)
        rows.append([one_line(text, _MAX_CELL) for text in texts])
    return table_as_csv(_COLUMNS, rows)
