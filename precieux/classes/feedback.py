"""Words the result of one person: a line for a cell, and a text for a file."""

import html
from collections.abc import Sequence
from typing import Final

from precieux.classes.choose import short
from precieux_client import Submission, TestCase, TestResult
from precieux_client.models import GOOD_VERDICTS

_SHOWN_TESTS: Final = 3
_MAX_BYTES: Final = 64 << 10


def cell(note: str, submission: Submission | None, *, is_late: bool, is_html: bool) -> str:
    """Return the feedback for a cell: a line. `note` says why nothing was run."""
    parts = [note] if submission is None else [*_result(submission), f"Submission {submission.id}."]
    text = " ".join([*parts, *(["Handed in late."] if is_late else [])])
    return html.escape(text, quote=False) if is_html else text


def text(note: str, submission: Submission | None, tests: Sequence[TestCase], *, is_late: bool) -> bytes:
    """Return the feedback for a file: the result, and each test that failed with its texts."""
    lines = [cell(note, submission, is_late=is_late, is_html=False), ""]
    run = submission.run if submission else None
    inputs = {test.name or str(number): test for number, test in enumerate(tests, 1)}
    for test in (run.tests or ()) if run else ():
        measured = f" ({test.cpu_s:.3f} s)" if test.cpu_s is not None else ""
        lines.append(f"{'a hidden test' if test.hidden else short(test.name)}: {_words(test)}{measured}")
        if not test.hidden and test.verdict and test.verdict not in GOOD_VERDICTS:
            known = inputs.get(test.name)
            shown = (("Input", known.stdin), ("Expected", known.expected_output)) if known else ()
            more = (("Printed", test.stdout), ("Errors", test.stderr), ("Message", test.message))
            lines += [f"  {title}:\n{text.rstrip()}" for title, text in (*shown, *more) if text]
    if run and run.compile_output:
        lines += ["", run.compile_output.rstrip()]
    limits = submission.limits if submission else None
    if limits and limits.cpu_s:
        lines += ["", f"Limit of each test: {limits.cpu_s:g} s of CPU time."]
    return "\n".join(lines).encode()[:_MAX_BYTES].decode("utf-8", "ignore").encode()


def _result(submission: Submission) -> list[str]:
    """Return how many tests were passed, and which failed or were not run."""
    run = submission.run
    tests = run.tests or () if run else ()
    failed = [test for test in tests if test.verdict and test.verdict not in GOOD_VERDICTS]
    count = f"{sum(test.passed for test in tests)} of {len(tests)} tests passed."
    if submission.verdict == "compile_error":
        parts = ["It does not compile."]
    else:
        parts = [f"Full marks: {count}" if run and run.points and run.points_awarded == run.points else count]
    seen = [f"{short(test.name)}: {_words(test)}" for test in failed if not test.hidden]
    if seen:
        more = f"; and {len(seen) - _SHOWN_TESTS} more" if len(seen) > _SHOWN_TESTS else ""
        parts.append(f"{'; '.join(seen[:_SHOWN_TESTS])}{more}.")
    if hidden := sum(test.hidden for test in failed):
        parts.append(f"{hidden} hidden test{'s' * (hidden > 1)} failed.")
    if unrun := sum(_words(test) == "not run" for test in tests):
        parts.append(f"{unrun} test{'s were' if unrun > 1 else ' was'} not run.")
    return parts


def _words(test: TestResult) -> str:
    return (test.outcome or test.verdict or "not run").replace("_", " ")
