"""Renders the mail of a run with tests: how many passed, and a table. Pure.

Neither the input nor the output of a test is shown. Of a hidden test, only its name, verdict and points are.
"""

from collections.abc import Sequence
from typing import Final

from tabulate import tabulate

from job_runner.claim import ClaimedJob
from job_runner.emails.original import REGARDS
from job_runner.emails.shown import shown
from job_runner.emails.templates import TEMPLATES
from job_runner.outcome import Outcome, TestOutcome
from shared.codex import Verdict
from shared.engine import GOOD_VERDICTS

_HEADERS: Final = ("test", "verdict", "points", "CPU time")
_NOT_RUN: Final = "not run"


def render_tests(job: ClaimedJob, outcome: Outcome, tests: Sequence[TestOutcome]) -> tuple[str, str, str]:
    """Return the subject, the text and the HTML of the mail."""
    passed = sum(test.verdict in GOOD_VERDICTS for test in tests)
    summary = f"{passed} of {len(tests)} tests passed"
    subject = f"{summary}: code request {job.upload}"
    points = f"{_number(sum(test.points_awarded for test in tests))} of {_number(sum(test.points for test in tests))}"
    error = ""
    if outcome.verdict is Verdict.COMPILE_ERROR and outcome.answer is not None:
        error = shown(outcome.answer.error)
    rows = [_row(test) for test in tests]
    html = TEMPLATES.get_template("tests.html.j2").render(
        subject=subject,
        upload=job.upload,
        success=outcome.success,
        summary=summary,
        points=points,
        error=error,
        headers=_HEADERS,
        rows=rows,
    )
    return subject, _text(job, f"{summary}. Points: {points}.", error, rows), html


def _text(job: ClaimedJob, summary: str, error: str, rows: Sequence[Sequence[str]]) -> str:
    parts = [f"Hi,\n\nYour code request {job.upload} was run. {summary}"]
    if error:
        parts.append(f"The program could not be compiled:\n\n{error}")
    parts.append(tabulate(rows, _HEADERS, tablefmt="plain", disable_numparse=True))
    return "\n\n".join([*parts, REGARDS])


def _row(test: TestOutcome) -> tuple[str, str, str, str]:
    cpu = "" if test.hidden or test.cpu_s is None else f"{test.cpu_s:.3f} s"
    points = f"{_number(test.points_awarded)} of {_number(test.points)}"
    # A name may contain any character, but a line end would break the table.
    return " ".join(shown(test.name).split()), test.verdict or _NOT_RUN, points, cpu


def _number(points: float) -> str:
    return f"{round(points, 3):g}" if points < 1e5 else f"{points:.0f}"
