"""The recipient's page as plain text."""

from collections.abc import Iterator

from shared.resources.models import Run, Submission


def text_of(submission: Submission) -> str:
    """Return the latest result of a submission. The input and the output of a hidden test appear on no page."""
    lines = [f"Submission {submission.id}: {submission.verdict or submission.state}"]
    if submission.run is not None:
        lines += _lines_of(submission.run)
    return "\n".join(lines)


def _lines_of(run: Run) -> Iterator[str]:
    for test in run.tests or ():
        yield f"Test {test.name}: {test.verdict or 'not run'}"
        if not test.hidden:
            yield from (text for text in (test.message, test.stdout) if text)
    yield from (text for text in (run.compile_output, run.message, run.stdout, run.stderr) if text)
