"""Renders the mail of an outcome. Pure.

Output is hostile: no subject or header contains any of it, and the HTML part escapes it. Both parts show at most
`MAX_SHOWN` characters and `MAX_LINES` lines of each stream, which bounds the time, memory and length of a mail. The
link leads to the whole output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tabulate import tabulate

from job_runner.claim import ClaimedJob
from job_runner.emails.original import FIRST_ROW, REGARDS
from job_runner.emails.render_tests import render_tests
from job_runner.emails.shown import first_part, shown
from job_runner.emails.templates import TEMPLATES
from job_runner.outcome import Outcome
from shared.codex import RunResponse, Verdict

_EXPLANATIONS: Final = {
    Verdict.OK: "The program ran to its end.",
    Verdict.COMPILE_ERROR: "The program could not be compiled.",
    Verdict.RUNTIME_ERROR: "The program ended with an error.",
    Verdict.TIME_LIMIT: "The program exceeded its time limit, and was stopped.",
    Verdict.MEMORY_LIMIT: "The program exceeded its memory limit, and was stopped.",
    Verdict.OUTPUT_LIMIT: "The program exceeded its output limit, and was stopped.",
    Verdict.ACCEPTED: "The program printed what was expected.",
    Verdict.WRONG_ANSWER: "The program printed something else than what was expected.",
}


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """The parts of a mail. `message_id` depends only on the request, so receivers recognise a mail sent twice."""

    subject: str
    text: str
    html: str
    message_id: str


def render(job: ClaimedJob, outcome: Outcome, *, filelink: str | None, domain: str) -> RenderedEmail:
    """Return the mail for an outcome. `domain` is the right side of its Message-ID."""
    message_id = f"<precieux.{job.request_id}@{domain}>"
    if outcome.tests is not None:
        return RenderedEmail(*render_tests(job, outcome, outcome.tests), message_id)
    success, answer = outcome.success, outcome.answer
    if answer is None:
        subject = f"Code could not be run - {job.upload}"
    else:
        # As in the original, every error has the second subject. The body says which error it was.
        subject = f"{'Successful Code result' if success else 'Error while compiling code'} - {job.upload}"
    explanation = _EXPLANATIONS.get(outcome.verdict) if outcome.verdict else None
    output = _shown_output(answer, linked=filelink is not None) if answer else ""
    context = {
        "upload": job.upload,
        "success": success,
        "explanation": explanation,
        "reason": outcome.reason,
        "is_ours": outcome.is_ours,
        "next_step": outcome.next_step,
        "filelink": filelink,
        "link_text": _link_text(answer) if answer else None,
        "measures": _measures(job, answer) + _commands(answer),
    }
    return RenderedEmail(
        subject=subject,
        text=_text(job, outcome, output=output, explanation=explanation, filelink=filelink),
        html=TEMPLATES.get_template("result.html.j2").render(
            context,
            subject=subject,
            output=output,
            error=shown(answer.error) if answer else "",
            info=shown(answer.info.strip().partition("\n")[0]) if answer else "",
        ),
        message_id=message_id,
    )


def _shown_output(answer: RunResponse, *, linked: bool) -> str:
    all_of_it = "all that was kept of the output" if answer.truncated else "the whole output"
    return shown(answer.output, where_the_rest_is=f"; the link leads to {all_of_it}" if linked else "")


def _link_text(answer: RunResponse) -> str:
    """Return the text of the link, which depends on whether the mail shows all of the output."""
    if len(first_part(answer.output)) == len(answer.output):
        return "The output as a file"
    return "All that was kept of the output" if answer.truncated else "The whole output"


def _text(job: ClaimedJob, outcome: Outcome, *, output: str, explanation: str | None, filelink: str | None) -> str:
    answer = outcome.answer
    if answer is None:
        blame = "This is our fault, not the program's" if outcome.is_ours else "The reason"
        return (
            f"Hi,\n\nYour code request {job.upload} could not be run. {blame}: {outcome.reason}\n\n"
            f"{outcome.next_step}\n\n{REGARDS}"
        )
    values = [
        ("timeStamp", str(answer.time_stamp)),
        ("status", str(answer.status)),
        ("output", output),
        ("error", shown(answer.error)),
        ("language", shown(answer.language)),
        # tabulate would strip this cell, but `_table` disables that for the sake of drawings.
        ("info", shown(answer.info.strip())),
    ]
    if answer.verdict is not None:
        values.append(("verdict", f"{answer.verdict}: {explanation}"))
    values += _measures(job, answer) + _commands(answer)
    if filelink:
        values.append(("filelink", filelink))
    # In the original, the status is in the cell of its label.
    heading = [(FIRST_ROW, ""), (f"Status: {'Success' if outcome.success else 'Error'}", "")]
    table = _table([*heading, *((f"{key}:", value) for key, value in values)])
    greeting = f"Hi,\n\nYour code request {'successed' if outcome.success else 'errored'}!"
    return f"{greeting}\n\n{table}\n\n{REGARDS}"


def _table(rows: Sequence[tuple[str, str]]) -> str:
    """Return `tabulate(rows, tablefmt="plain")`, in time and memory that are linear in the length of the text.

    By default, tabulate pads every line of a column to the widest line, and then strips the padding of the last column.
    With one long line and many short ones, that takes the product of the two.
    """
    return tabulate(
        [(label, _unpadded(text)) for label, text in rows],
        tablefmt="plain",
        colalign=("left",),
        stralign=None,
        # By default, tabulate turns the output `1e5` into 100000, and strips the spaces that a drawing begins with.
        disable_numparse=True,
        preserve_whitespace=True,
    )


def _unpadded(text: str) -> str:
    """Return the text as a cell. tabulate splits it twice and loses an empty last line, so such a line is doubled."""
    return f"{text}\n" if text.splitlines()[-1:] == [""] else text


def _measures(job: ClaimedJob, answer: RunResponse | None) -> list[tuple[str, str]]:
    """Return what the engine measured, each as label and text."""
    if answer is None:
        return []
    measures: list[tuple[str, str]] = []
    if answer.exit_code is not None:
        measures.append(("exit code", str(answer.exit_code)))
    if answer.signal is not None:
        measures.append(("signal", str(answer.signal)))
    if answer.time_s is not None:
        measures.append(("CPU time", f"{answer.time_s:.3f} s"))
    if answer.wall_s is not None:
        measures.append(("elapsed", f"{answer.wall_s:.3f} s"))
    if answer.memory_bytes is not None:
        measures.append(("memory", f"{answer.memory_bytes / (1 << 20):.1f} MiB"))
    if job.attempt > 1:
        measures.append(("attempts", str(job.attempt)))
    if answer.verdict is Verdict.TIME_LIMIT and answer.cpu_pressure is not None:
        measures.append(("CPU pressure", f"{answer.cpu_pressure:.0%} of the elapsed time"))
    if answer.truncated:
        measures.append(("truncated", "yes: the rest of the output was not kept"))
    return measures


def _commands(answer: RunResponse | None) -> list[tuple[str, str]]:
    """Return the commands that compiled and ran the program, each as label and text, if the engine reported them."""
    commands = [("compiled by", answer.compile), ("run by", answer.run)] if answer else []
    return [(label, shown(command)) for label, command in commands if command]
