"""`precieux demo`: runs the sample programs on a temporary system, and shows their results and mails."""

import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import typer
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from precieux.host.interrupts import raise_interrupts
from precieux.mail.mailbox import MailFile, read_mailbox
from precieux.programs.samples import Sample, SampleResult, load_samples
from precieux.terminal import err, out, say, show_table, styled
from precieux.up.temporary_server import TemporaryServer
from precieux_client import Client, Submission
from shared.text.control_characters import replace_controls

_EMAIL: Final = "ada@example.com"
_TIMEOUT: Final = 180.0  # s for all samples and mails; usually they take a few, on a busy machine many
_POLL: Final = 0.2
_MAILS_SHOWN: Final = 2
#: The endless sample ends early, so Ctrl-C does not wait long for it.
_SETTINGS: Final = {"PRECIEUX_DEFAULT_TIME_LIMIT": "2"}


def demo() -> None:
    """Run sample programs on a temporary system, and show their results and mails."""
    raise typer.Exit(0 if run_demo() else 1)


def run_demo() -> bool:
    """Run the demo. Return True if all samples ended as expected and all mails arrived. Always clean up."""
    began = time.monotonic()
    check_interrupts = raise_interrupts()
    try:
        with ExitStack() as stack:
            with err.status("Starting a database, the services and the executor"):
                system = stack.enter_context(TemporaryServer(_SETTINGS))
            check_interrupts()
            for number in (signal.SIGINT, signal.SIGTERM):  # another one must not interrupt the cleaning up
                stack.callback(signal.signal, number, signal.SIG_IGN)
            outcomes, left_out = _run_samples(system)
            check_interrupts()
            return _report(outcomes, left_out, seconds=time.monotonic() - began)
    except KeyboardInterrupt:
        err.print("The demo was stopped.")
        return False


def _run_samples(system: TemporaryServer) -> tuple[list[SampleResult], list[Sample]]:
    available = system.languages()
    samples = load_samples()
    chosen = [sample for sample in samples if sample.language in available]
    left_out = [sample for sample in samples if sample.language not in available]
    with Client(system.url) as client:
        numbers = {}
        for sample in chosen:
            files = {sample.path.name: sample.path.read_bytes()}
            submitted = client.submit(language=sample.language, files=files, stdin=sample.input, email=_EMAIL)
            numbers[submitted.id] = sample
        return _watch(client, system, numbers), left_out


def _watch(client: Client, system: TemporaryServer, numbers: dict[int, Sample]) -> list[SampleResult]:
    """Wait until all samples are finished and mailed, or time is up. Return their results."""
    deadline = time.monotonic() + _TIMEOUT
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        running = progress.add_task("Programs run", total=len(numbers))
        mailing = progress.add_task("Mails arrived", total=len(numbers))
        reported: set[int] = set()
        finished: dict[int, Submission] = {}
        while True:
            for number in [one.id for one in client.list() if one.is_final and one.id not in finished]:
                finished[number] = client.get(number)
            mails = {mail.about: mail for mail in read_mailbox(system.mail_folder)}
            progress.update(running, completed=len(finished))
            progress.update(mailing, completed=len(mails))
            if not err.is_terminal:  # a terminal shows the bar instead
                for number in sorted(finished.keys() - reported):
                    reported.add(number)
                    err.print(f"[{len(reported)}/{len(numbers)}] {numbers[number].path.name}", markup=False)
            complete = finished.keys() >= numbers.keys() and mails.keys() >= numbers.keys()
            if complete or time.monotonic() > deadline:
                break
            time.sleep(_POLL)
    return [
        SampleResult(sample, number, _EMAIL, finished.get(number), mails.get(number))
        for number, sample in numbers.items()
    ]


def _report(outcomes: Sequence[SampleResult], left_out: Sequence[Sample], *, seconds: float) -> bool:
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


def _show_mail(mail: MailFile) -> None:
    headers = {"From": mail.sender, "To": mail.recipient, "Subject": mail.subject, "Date": mail.date}
    lines = [*(f"{name}: {value}" for name, value in headers.items()), "", replace_controls(mail.text).rstrip()]
    text = "\n".join(lines)
    if out.is_terminal:
        out.print(Panel(Text(text), title="A mail", title_align="left", border_style="blue"))
    else:
        say(f"\n{text}\n")
