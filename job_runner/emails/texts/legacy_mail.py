"""The subject and the text of the original's mail, to the letter. Classic submissions get them. Pure.

What ours adds follows as further rows of the table, in the same form.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from tabulate import tabulate

from job_runner.emails.texts.sanitize import first_part, sanitize
from job_runner.leases.claim import ClaimedJob
from job_runner.verdict.outcome import ASK_AGAIN, Outcome
from shared.engine_api.codex import RunResponse, Verdict
from shared.records.messages.verdict_texts import EXPLANATIONS

#: The first row of the table, and the end of the text. The footer is added between them.
FIRST_ROW: Final = "Response from codeX:"
REGARDS: Final = "Regards,\n\nPrecieux"
#: What the row of a verdict says that needs no explanation elsewhere.
_RAN: Final = "The program ran to its end."


def subject(job: ClaimedJob, outcome: Outcome) -> str:
    if outcome.answer is None:
        return f"Code could not be run - {job.upload}"
    if outcome.verdict is Verdict.JUDGE_ERROR:
        return f"Code could not be judged - {job.upload}"
    # As in the original, every error has the second subject. The body says which error it was.
    return f"{'Successful Code result' if outcome.success else 'Error while compiling code'} - {job.upload}"


def text(job: ClaimedJob, outcome: Outcome, *, filelink: str | None) -> str:
    """Return the text. `filelink` leads to the output, and is None without an output."""
    answer = outcome.answer
    if answer is None:
        blame = "This is our fault, not the program's" if outcome.is_ours else "The reason"
        next_step = (
            "You may request it again."
            if outcome.next_step == ASK_AGAIN
            else "Requesting it again cannot help: fix this, and submit the program again."
        )
        return (
            f"Hi,\n\nYour code request {job.upload} could not be run. {blame}: {outcome.reason}\n\n"
            f"{next_step}\n\n{REGARDS}"
        )
    if outcome.verdict is Verdict.JUDGE_ERROR:
        reason = EXPLANATIONS[Verdict.JUDGE_ERROR]
        return f"Hi,\n\nYour code request {job.upload} could not be judged. {reason}\n\n{REGARDS}"
    values = [
        ("timeStamp", str(answer.time_stamp)),
        ("status", str(answer.status)),
        ("output", _output(answer, linked=filelink is not None)),
        ("error", sanitize(answer.error)),
        ("language", sanitize(answer.language)),
        ("info", sanitize(answer.info)),
    ]
    if answer.verdict is not None:
        about = _RAN if answer.verdict is Verdict.OK else EXPLANATIONS.get(answer.verdict)
        values.append(("verdict", f"{answer.verdict}: {about}"))
    values += _measures(job, answer)
    if filelink:
        values.append(("filelink", filelink))
    # In the original, the status is in the cell of its label.
    heading = [(FIRST_ROW, ""), (f"Status: {'Success' if outcome.success else 'Error'}", "")]
    table = plain_table([*heading, *((f"{key}:", value) for key, value in values)])
    greeting = f"Hi,\n\nYour code request {'successed' if outcome.success else 'errored'}!"
    return f"{greeting}\n\n{table}\n\n{REGARDS}"


def plain_table(rows: Sequence[tuple[str, str]]) -> str:
    """Return `tabulate(rows, tablefmt="plain")`, in time and memory that are linear in the length of the text.

    By default, tabulate pads every line of a column to the widest line, and then strips the padding of the last column.
    With one long line and many short ones, that takes the product of the two. What it strips of a cell, we strip.
    """
    return tabulate(
        [(label, cell.strip()) for label, cell in rows],
        tablefmt="plain",
        colalign=("left",),
        stralign=None,
        # The one difference: by default, tabulate turns the output `1e5` into 100000.
        disable_numparse=True,
    )


def _output(answer: RunResponse, *, linked: bool) -> str:
    if len(first_part(answer.output)) == len(answer.output) or not linked:
        return sanitize(answer.output)
    all_of_it = "all that was kept of the output" if answer.truncated else "the whole output"
    return sanitize(answer.output, where_the_rest_is=f"; the link leads to {all_of_it}")


def _measures(job: ClaimedJob, answer: RunResponse) -> Iterator[tuple[str, str]]:
    """Yield what the engine measured and did, each as label and text."""
    if answer.exit_code is not None:
        yield "exit code", str(answer.exit_code)
    if answer.signal is not None:
        yield "signal", str(answer.signal)
    if answer.time_s is not None:
        yield "CPU time", f"{answer.time_s:.3f} s"
    if answer.wall_s is not None:
        yield "elapsed", f"{answer.wall_s:.3f} s"
    if answer.memory_bytes is not None:
        yield "memory", f"{answer.memory_bytes / (1 << 20):.1f} MiB"
    if job.attempt > 1:
        yield "attempts", str(job.attempt)
    if answer.verdict is Verdict.TIME_LIMIT and answer.cpu_pressure is not None:
        yield "CPU pressure", f"{answer.cpu_pressure:.0%} of the elapsed time"
    if answer.truncated:
        yield "truncated", "yes: the rest of the output was not kept"
    run = None if answer.verdict is Verdict.COMPILE_ERROR else answer.run
    for label, command in (("compiled by", answer.compile), ("run by", run)):
        if command:
            yield label, sanitize(command)
