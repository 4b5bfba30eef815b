"""`precieux submit` sends a file, requests a run, and may wait for the result. `precieux status` lists submissions."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from precieux import local_key, terminal
from precieux.client import LOCAL_SERVER, Client, Submission, UsageError, guess_language
from precieux.commands.options import DataDir, Json
from precieux.up.settings import load_up_settings
from shared.control_characters import replace_controls
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

Url = Annotated[str, typer.Option(envvar="PRECIEUX_PUBLIC_URL", help="Address of the server.")]
Key = Annotated[
    str | None,
    typer.Option(envvar="PRECIEUX_API_KEY", help="API key. Default: that of `precieux up` on this machine."),
]


def submit(
    file: Annotated[Path, typer.Argument(help="Source file of the program.")],
    email: Annotated[str, typer.Option(help="Where the result is mailed.")],
    text: Annotated[str | None, typer.Option("--input", help="Standard input of the program.")] = None,
    input_file: Annotated[Path | None, typer.Option(help="File with the standard input.")] = None,
    language: Annotated[str | None, typer.Option(help="Its language. Default: by the extension.")] = None,
    number: Annotated[int | None, typer.Option("--id", help="Number of the submission. Default: any.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result; exit code 1 if it fails.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which --wait ends with exit code 124.")
    ] = None,
    url: Url = LOCAL_SERVER,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Send a program to a server, and request a run."""
    if timeout is not None and not wait:
        raise typer.BadParameter("it needs --wait.", param_hint="--timeout")
    inputs = _read_inputs(text, input_file)
    client = _client(url, key, data_dir)
    language = language or guess_language(file)
    if language is None:
        raise UsageError(f"The extension of {file.name} is not that of a known language: give one with --language.")
    number = client.submit(file, email=email, language=language, inputs=inputs, number=number)
    client.request_execution(number)
    if not wait:
        if as_json:
            terminal.say_json({"id": number})
        else:
            terminal.say(f"Submission {number} is registered. Its result is mailed to {email}.")
        return
    try:
        finished = _watch(client, email, number, math.inf if timeout is None else timeout)
    except (KeyboardInterrupt, TimeoutError) as exc:
        terminal.hint(f"Submission {number} still runs: see `precieux status {email}`, or wait for the mail.")
        raise typer.Exit(_TIMED_OUT if isinstance(exc, TimeoutError) else INTERRUPTED) from None
    if as_json:
        terminal.say_json(asdict(finished))
    else:
        _show(finished)
    raise typer.Exit(0 if finished.ran_ok else 1)


def status(
    email: Annotated[str, typer.Argument(help="Address to which the results are mailed.")],
    url: Url = LOCAL_SERVER,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the submissions of an address."""
    submissions = _client(url, key, data_dir).submissions(email)
    if as_json:
        terminal.say_json([asdict(one) for one in submissions])
    elif submissions:
        terminal.show_submissions(submissions)
    else:
        terminal.say(f"There are no submissions for {email}.")


def _client(url: str, key: str | None, data_dir: Path | None) -> Client:
    """Return a client. Without a key it uses the one of `precieux up` on this machine."""
    return Client(url, key or local_key.find(load_up_settings(data_dir=data_dir).data_dir, url))


def _read_inputs(text: str | None, file: Path | None) -> str:
    if text is not None and file is not None:
        raise UsageError("Give either --input or --input-file, not both.")
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

        def report(submission: Submission) -> None:
            line = _progress(submission)
            status.update(line)
            if not terminal.err.is_terminal:
                terminal.err.print(line, soft_wrap=True)

        return client.wait(email, number, on_change=report, timeout=timeout)


def _progress(submission: Submission) -> Text:
    """Return a line about a submission under way. It is a `Text`, because the server's words must not be markup."""
    line = f"Submission {submission.id}: {_STATES.get(submission.status, submission.status)}"
    if submission.delay:
        line += f" ({submission.delay})"
    return Text(replace_controls(line))


def _show(finished: Submission) -> None:
    if finished.output:
        terminal.show_program_output(finished.output)
    if finished.error:
        terminal.err.print(replace_controls(finished.error).rstrip("\n"), markup=False, style="red", soft_wrap=True)
    verdict = terminal.styled(finished.verdict or finished.status)
    terminal.err.print(f"Submission {finished.id}:", verdict, soft_wrap=True)
