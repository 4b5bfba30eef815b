"""Shows submissions and their results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from precieux import terminal
from precieux.terminal import styled
from precieux_client import Client, Run, Submission, TestCase, TestResult
from precieux_client.models import GOOD_VERDICTS
from shared.text.control_characters import replace_controls

_HEADERS = ("id", "state", "verdict", "language", "points", "made at")
#: Unused files that one line names.
_SHOWN_NAMES = 10


def plain(value: Any) -> Any:
    """Return a value of the client as JSON has it."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def submissions(found: Iterable[Submission]) -> None:
    """Print a line for each submission."""
    date = terminal.short_date if terminal.out.is_terminal else plain
    rows = (
        (one.id, styled(one.state), styled(one.verdict), one.language, points(one.run), date(one.created_at))
        for one in found
    )
    terminal.show_table(_HEADERS, rows, whole=_HEADERS)


def result(client: Client, submission: Submission) -> None:
    """Print the result of a submission that has ended: its output alone goes to standard output."""
    run = submission.run
    if run is not None:
        if run.tests is not None:
            _show_tests(run.tests)
        elif run.stdout:
            is_cut = "stdout" in run.truncated
            whole = client.output(submission.id).decode("utf-8", "replace") if is_cut else run.stdout
            terminal.show_program_output(whole)
        for text in (run.compile_output, run.stderr):
            if text:
                words = replace_controls(text).rstrip("\n")
                terminal.err.print(words, markup=False, style="red", soft_wrap=True)
    verdict = styled(submission.verdict or submission.state)
    score = [f"({points(run)} points)"] if run and run.tests is not None else []
    terminal.err.print(f"Submission {submission.id}:", verdict, *score, soft_wrap=True)


def points(run: Run | None) -> str:
    """Return the points of a run with tests, such as 3/10, else a dash."""
    if run is None or run.points is None or run.points_awarded is None:
        return "-"
    return f"{run.points_awarded:g}/{run.points:g}"


def _show_tests(tests: Sequence[TestResult]) -> None:
    rows = [
        (test.number, test.name, test.verdict or "not run", f"{test.points_awarded:g}/{test.points:g}", _seconds(test))
        for test in tests
    ]
    terminal.show_table(("test", "name", "verdict", "points", "CPU s"), rows)
    for test in tests:
        why = test.diff or (test.stderr if test.verdict not in GOOD_VERDICTS else None)
        if why:
            lines = replace_controls(why).rstrip("\n")
            terminal.err.print(Text(f"Test {test.number}:\n{lines}", style="yellow"), soft_wrap=True)


def _seconds(test: TestResult) -> str:
    return "-" if test.cpu_s is None else f"{test.cpu_s:.3f}"


def name_misspelt(tests: Sequence[TestCase], unused: Sequence[str]) -> None:
    """Name the tests without an output, and the `unused` files of their folder, because a name may be misspelt."""
    names = ", ".join(str(test.name) for test in tests if test.expected_output is None)
    if names:
        terminal.hint(f"These tests have no output, so programs pass them if they end well: {names}.")
    if unused:
        more = f" and {len(unused) - _SHOWN_NAMES} more" if len(unused) > _SHOWN_NAMES else ""
        terminal.hint(f"These files belong to no test: {', '.join(unused[:_SHOWN_NAMES])}{more}.")
