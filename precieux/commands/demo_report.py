"""The report of the demo: a table of results, and two complete mails."""

from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final

from rich.panel import Panel
from rich.text import Text

from precieux.programs.samples import SampleProgram, SampleResult
from precieux.terminal import out, say, show_table, styled
from shared.common.text.control_characters import replace_controls

_MAILS_SHOWN: Final = 2


def show(outcomes: Sequence[SampleResult], left_out: Sequence[SampleProgram], *, seconds: float) -> bool:
    """Print the report. Return True if all results are as expected."""
    show_table(("id", "program", "verdict", "", "shows"), map(_row, outcomes), whole=("id", "program", "verdict"))
    for outcome in outcomes:
        run = outcome.submission and outcome.submission.run
        if outcome.complaint and run and (run.compile_output or run.stderr):
            text = f"{run.compile_output or ''}{run.stderr or ''}"
            say(f"Error output of {outcome.sample.path.name}:\n{replace_controls(text).strip()}")
    # First those of samples with `show`, then others.
    in_order = sorted(outcomes, key=lambda outcome: not outcome.sample.show)
    for mail in [outcome.mail for outcome in in_order if outcome.mail][:_MAILS_SHOWN]:
        _show_mail(mail)
    for sample in left_out:
        say(f"Left out: {sample.path.name}. This machine lacks the tools of its language ({sample.language}).")
    good = [outcome for outcome in outcomes if outcome.complaint is None]
    all_good = len(good) == len(outcomes) > 0
    text = f"{len(good)} of {len(outcomes)} programs ended as expected and were mailed, in {seconds:.0f} s."
    out.print(text, style="bold green" if all_good else "bold red")
    say("The demo's server has stopped, so the links in its mails no longer work. `precieux up` starts one that stays.")
    return all_good


def _row(outcome: SampleResult) -> tuple[object, ...]:
    verdict = styled(outcome.submission.verdict if outcome.submission else None)
    judgement = Text("as expected", style="green")
    if outcome.complaint:
        judgement = Text(f"not as expected: {outcome.complaint}", style="red")
    return (outcome.number, outcome.sample.path.name, verdict, judgement, outcome.sample.title)


def _show_mail(mail: EmailMessage) -> None:
    headers, body = (f"{name}: {mail[name]}" for name in ("From", "To", "Subject", "Date")), mail.get_body(("plain",))
    text = "\n".join([*headers, "", replace_controls(body.get_content() if body else "").rstrip()])
    if out.is_terminal:
        out.print(Panel(Text(text), title="A mail", title_align="left", border_style="blue"))
    else:
        say(f"\n{text}\n")
