"""Shows submissions and their results, with the reasons of bad verdicts."""

import signal
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from pydantic_core import to_jsonable_python
from rich.text import Text

from precieux import terminal
from precieux.terminal import styled
from precieux_client import Client, Limits, Run, Submission, TestResult, TransientRun
from precieux_client.models import GOOD_VERDICTS
from shared.common.text.control_characters import replace_controls

_HEADERS = ("id", "state", "verdict", "language", "points", "made at", "reason")


def plain(value: Any) -> Any:
    """Return a value of the client as JSON has it."""
    return to_jsonable_python(value, bytes_mode="base64")


def end_with_json(value: Any, as_json: bool) -> None:
    """Print a value of the client as JSON and end the command, if JSON is wanted."""
    if as_json:
        terminal.say_json(plain(value))
        raise typer.Exit


def submissions(listed: Iterable[Submission]) -> None:
    """Print a line for each submission."""
    date = terminal.short_date if terminal.out.is_terminal else plain
    rows = (
        (
            submission.id,
            styled(submission.state),
            styled(submission.verdict),
            submission.language,
            points(submission.run),
            date(submission.created_at),
            reason_of(submission) or None,
        )
        for submission in listed
    )
    terminal.show_table(_HEADERS, rows, whole=_HEADERS[:-1])


def result(client: Client, submission: Submission) -> None:
    """Print the result of a submission that has ended: its output alone goes to standard output."""
    run = submission.run
    if run is not None:
        if run.tests is None and run.stdout:
            is_cut = "stdout" in run.truncated
            whole = client.output(submission.id).decode("utf-8", "replace") if is_cut else run.stdout
            terminal.show_program_output(whole)
        result_of(run)
    verdict = styled(submission.verdict or submission.state)
    score = f" ({points(run)} points)" if run and run.tests is not None else ""
    reason = f": {reason}" if (reason := reason_of(submission)) else ""
    terminal.err.print(Text.assemble(f"Submission {submission.id}: ", verdict, score, reason), soft_wrap=True)


def result_of(run: Run | TransientRun) -> None:
    """Print the tests of a run, and what compilers, judges and the program complained about."""
    if run.tests is not None:
        _show_tests(run.tests)
    if run.tests and run.tests[0].outcome:
        passed = sum(test.outcome == "passed" for test in run.tests)
        earned = _share(run.points_awarded, run.points).replace("/", " of ")
        terminal.say(f"{earned} points, {passed} of {len(run.tests)} tests passed")
    for text in (run.compile_output, run.stderr, run.message, run.judge_message):
        if text:
            words = replace_controls(text).rstrip("\n")
            terminal.err.print(words, markup=False, style="red", soft_wrap=True)


def reason_of(submission: Submission) -> str:
    """Return why a submission ended as it did, in a few words; an empty text if its verdict says all."""
    if submission.state == "failed":
        return "it could not be run, which is no fault of the program"
    run = submission.run
    if run is None or (run.points is not None and run.verdict != "judge_error"):  # each test has its own
        return ""
    return _reason(run, submission.limits)


def _reason(ended: Run | TestResult, limits: Limits | None = None) -> str:
    """Return why a program or a test ended badly. Tests may have limits of their own, so theirs are unknown."""
    match ended.verdict:
        case "runtime_error" if ended.signal:
            number = signal.Signals.__members__.get(ended.signal)  # those of real time have no names in Python
            return terminal.describe_signal(number) if number else ended.signal
        case "runtime_error" if ended.exit_code:
            return f"exit code {ended.exit_code}"
        case "time_limit" if ended.cpu_s is not None and ended.wall_s is not None:
            return f"stopped after {ended.cpu_s:.3g} s of CPU time, {ended.wall_s:.3g} s in all"
        case "memory_limit" if ended.memory_bytes is not None:
            return f"stopped with {ended.memory_bytes / (1 << 20):.1f} MiB in use"
        case "judge_error":
            return "the judge failed, which is no fault of the program"
        case "output_limit" if limits and limits.output_bytes is not None:
            return f"stopped after {limits.output_bytes:,} bytes of output"
    return ""


def points(run: Run | None) -> str:
    """Return the points of a run with tests, such as 3/10, else a dash."""
    return "-" if run is None else _share(run.points_awarded, run.points)


def _share(awarded: float | None, points: float | None) -> str:
    return "-" if awarded is None or points is None else f"{awarded:.12g}/{points:.12g}"


def _show_tests(tests: Sequence[TestResult]) -> None:
    rows = [
        (
            test.number,
            test.name,
            test.outcome or test.verdict or "not run",
            _share(test.points_awarded, test.points),
            None if test.cpu_s is None else f"{test.cpu_s:.3f}",
            ((test.message or "").partition("\n")[0] if test.outcome else _reason(test)) or None,
        )
        for test in tests
    ]
    terminal.show_table(("test", "name", "verdict", "points", "CPU s", "reason"), rows)
    for test in tests:
        error = test.stderr if test.verdict not in GOOD_VERDICTS else None
        texts = (test.message, test.judge_message, _difference(test.diff) if test.diff else error)
        if why := "\n".join(text.rstrip("\n") for text in texts if text):
            lines = replace_controls(why)
            terminal.err.print(Text(f"Test {test.name}:\n{lines}", style="yellow"), soft_wrap=True)


def _difference(diff: str) -> str:
    """Return a difference with words in place of the signs of a unified diff."""
    place, *lines = diff.splitlines()
    shown = [place.strip("@ ")]
    for sign, word in (("-", "expected:"), ("+", "printed: ")):
        texts = [line[1:] for line in lines if line.startswith(sign)]
        shown += [f"  {word} {text}" for text in texts or ["(nothing more)"]]
    return "\n".join(shown)
