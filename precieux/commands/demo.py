"""`precieux demo`: runs the sample programs on a temporary system, and shows their results and mails."""

import signal
import time
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from precieux.commands import demo_report
from precieux.host.interrupts import raise_interrupts
from precieux.mail.mailbox import read_mailbox, submission_of
from precieux.programs.samples import SampleProgram, SampleResult, load_samples
from precieux.terminal import err
from precieux.up.temporary_server import TemporaryServer
from precieux_client import Client

_EMAIL: Final = "ada@example.com"
_TIMEOUT: Final = 180.0  # s for all samples and mails; usually they take a few, on a busy machine many
_POLL: Final = 0.2
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
            return demo_report.show(outcomes, left_out, seconds=time.monotonic() - began)
    except KeyboardInterrupt:
        err.print("The demo was stopped.")
        return False


def _run_samples(system: TemporaryServer) -> tuple[list[SampleResult], list[SampleProgram]]:
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


def _watch(client: Client, system: TemporaryServer, numbers: dict[int, SampleProgram]) -> list[SampleResult]:
    """Wait until the results of all samples are mailed, or time is up. Return their results."""
    deadline = time.monotonic() + _TIMEOUT
    mails: dict[int | None, EmailMessage] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        running = progress.add_task("Programs run and mailed", total=len(numbers))
        while not mails.keys() >= numbers.keys() and time.monotonic() < deadline:
            time.sleep(_POLL)
            before, mails = mails, {submission_of(mail): mail for mail in read_mailbox(system.mail_folder)}
            for place, number in enumerate(sorted(numbers.keys() & (mails.keys() - before.keys())), len(before) + 1):
                progress.advance(running)
                if not err.is_terminal:  # a terminal shows the bar instead
                    err.print(f"[{place}/{len(numbers)}] {numbers[number].path.name}", markup=False)
    ended = {number: submission for number in numbers if (submission := client.get(number)).is_final}
    return [
        SampleResult(sample, number, _EMAIL, ended.get(number), mails.get(number)) for number, sample in numbers.items()
    ]
