"""`precieux submit`: send one file, ask for its execution, and see it through if told to."""

import math
from pathlib import Path

import typer
from rich.text import Text

from precieux import terminal
from precieux.client import Client, Submission, UsageError, guess_language
from shared.stop_signals import INTERRUPTED

#: The exit code of a wait that took too long, as timeout(1) reports it.
_TIMED_OUT = 124
_STATES = {
    None: "registered",
    "none-executed": "waiting for its turn",
    "executing": "running",
    "executed": "done",
    "failed": "given up",
}


def submit(
    client: Client,
    source: Path,
    *,
    email: str,
    language: str | None,
    inputs: str,
    number: int | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> bool:
    """Whether all went well: accepted, or, with `wait`, run without complaint."""
    language = language or guess_language(source)
    if language is None:
        raise UsageError(f"The language of {source.name} cannot be told by its name; say it with --language.")
    number = client.submit(source, email=email, language=language, inputs=inputs, number=number)
    client.request_execution(number)
    if not wait:
        if as_json:
            terminal.say_json({"id": number})
        else:
            terminal.say(f"Submission {number} is registered; its result goes to {email}.")
        return True
    try:
        finished = _watch(client, email, number, math.inf if timeout is None else timeout)
    except (KeyboardInterrupt, TimeoutError) as exc:
        terminal.hint(f"Submission {number} goes on: see `precieux status {email}`, or wait for the mail.")
        raise typer.Exit(_TIMED_OUT if isinstance(exc, TimeoutError) else INTERRUPTED) from None
    if as_json:
        terminal.say_json(finished.as_dict())
    else:
        _show(finished)
    return finished.ran_ok


def read_inputs(text: str | None, file: Path | None) -> str:
    if text is not None and file is not None:
        raise UsageError("Say either --input or --input-file, not both.")
    if file is None:
        return text or ""
    try:
        return file.read_bytes().decode()  # not as text: line ends stay as they are
    except OSError as exc:
        raise UsageError(f"{file} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{file} is not text in UTF-8.") from exc


def _watch(client: Client, email: str, number: int, timeout: float) -> Submission:
    with terminal.err.status(f"Submission {number}: registered") as status:

        def tell(submission: Submission) -> None:
            line = _progress(submission)
            status.update(line)
            if not terminal.err.is_terminal:
                terminal.err.print(line, soft_wrap=True)

        return client.wait(email, number, on_change=tell, timeout=timeout)


def _progress(submission: Submission) -> Text:
    """Return the line on a submission under way. It is no markup, since the server's words are in it."""
    line = f"Submission {submission.id}: {_STATES.get(submission.status, submission.status)}"
    if submission.delay:
        line += f" ({submission.delay})"
    return Text(terminal.harmless(line))


def _show(finished: Submission) -> None:
    if finished.output:
        terminal.show_program_output(finished.output)
    if finished.error:
        terminal.err.print(terminal.harmless(finished.error).rstrip("\n"), markup=False, style="red", soft_wrap=True)
    verdict = terminal.styled(finished.verdict or finished.status)
    terminal.err.print(f"Submission {finished.id}:", verdict, soft_wrap=True)
