"""The commands on submissions: submit, status, watch, result, rerun, cancel, delete."""

from itertools import islice
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from precieux import terminal
from precieux.commands import show
from precieux.commands.follow import follow
from precieux.commands.options import (
    Args,
    Input,
    InputFile,
    Json,
    Metadata,
    Number,
    Paths,
    Timeout,
    Wait,
    on_server,
)
from precieux.commands.parameters import JudgeOptions, LimitOptions, ProgramOptions, metadata_of, read_input
from precieux.commands.unit_tests import JUnitXml, write_junit
from precieux.errors import UsageError
from precieux.host import files
from precieux.installation.server import Server
from precieux_client import Submission

#: Submissions that `status` lists.
_LISTED = 50


@on_server
def submit(
    server: Server,
    paths: Paths,
    email: Annotated[str | None, typer.Option(help="Where the result is mailed. Default: nowhere.")] = None,
    *,
    program: ProgramOptions,
    limits: LimitOptions,
    expected: Annotated[Path | None, typer.Option(help="File with the output that it should have.")] = None,
    judge: JudgeOptions,
    junit_xml: JUnitXml = None,
    stop_at_first_failure: Annotated[
        bool, typer.Option("--stop-at-first-failure", help="Leave out the tests after the first bad one.")
    ] = False,
    metadata: Metadata = None,
    hold: Annotated[bool, typer.Option("--hold", help="Register it only; `precieux rerun` runs it.")] = False,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send a program to a server, and have it run."""
    _check_waiting(wait, timeout)
    if junit_xml and not wait:
        raise typer.BadParameter("it needs --wait.", param_hint="--junit-xml")
    body = program.read(paths)
    judges = judge.judges()
    cases = judge.cases()
    if program.entry is None and len(body["files"] or ()) > 1:
        terminal.hint(f"Of {len(body['files'])} files, {body['entry']} is run. --entry names another one.")
    submission = server.connect().submit(
        **body,
        limits=limits.read(),
        expected_output=files.read_text(expected) if expected else None,
        problem=judge.problem,
        tests=cases,
        **judges,
        stop_at_first_failure=stop_at_first_failure,
        email=email,
        hold=hold,
        metadata=metadata_of(metadata),
    )
    what = f"Submission {submission.id}"
    _answer(server, submission, what, wait=wait, timeout=timeout, as_json=as_json, junit_xml=junit_xml)


@on_server
def status(
    server: Server,
    which: Annotated[
        str | None, typer.Argument(metavar="ID|ADDRESS", help="A submission's number, or an e-mail address.")
    ] = None,
    system: Annotated[
        bool, typer.Option("--system", help="Show what is wrong with the service; exit code 1 if work has stopped.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a submission, or list the newest 50 of an address, or with --system show what is wrong with the service."""
    if system == (which is not None):
        raise UsageError("Name a submission or an address, or say --system.")
    if which is None:
        # It loads the database's libraries, and no other command here needs them.
        from precieux.commands import system_status

        system_status.show(server.data_dir, as_json=as_json)
        return
    client = server.connect()
    if which.isdecimal():
        submission = client.get(int(which))
        show.end_with_json(submission, as_json)
        show.submissions([submission])
        return
    if "@" not in which:
        raise UsageError(f"{which} is neither the number of a submission nor an e-mail address.")
    listed = list(islice(client.list(email=which), _LISTED))
    show.end_with_json(listed, as_json)
    if listed:
        show.submissions(listed)
    else:
        terminal.say(f"There are no submissions for {which}.")


@on_server
def watch(server: Server, number: Number, timeout: Timeout = None, as_json: Json = False) -> None:
    """Follow a submission until it has ended, and show its result. Exit code 1 if the result is bad."""
    _finish(server, follow(server, number, timeout=timeout), as_json=as_json)


@on_server
def result(
    server: Server,
    number: Number,
    output: Annotated[Path | None, typer.Option(help="Write the whole output into this file.")] = None,
    run: Annotated[int | None, typer.Option(min=1, help="Number of the run. Default: the latest.")] = None,
    test: Annotated[int | None, typer.Option(min=1, help="Number of the test whose output is meant.")] = None,
    as_json: Json = False,
) -> None:
    """Show the result of a submission, or write its output into a file. Exit code 1 if the result is bad."""
    client = server.connect()
    submission = client.get(number)
    if output is not None or run is not None or test is not None:
        content = client.output(number, run=run, test=test)
        if output is None:
            terminal.show_program_output(content.decode("utf-8", "replace"))
        else:
            files.write(output, content)
            terminal.hint(f"{len(content)} bytes are in {output}.")
        return
    if not submission.is_final:
        raise UsageError(
            f"Submission {number} has no result yet, it is {submission.state}: see `{server.command('watch', number)}`."
        )
    _finish(server, submission, as_json=as_json)


@on_server
def rerun(
    server: Server,
    number: Number,
    text: Input = None,
    input_file: InputFile = None,
    args: Args = None,
    *,
    limits: LimitOptions,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Run a submission again, with other input, arguments or limits if they are given."""
    _check_waiting(wait, timeout)
    client = server.connect()
    run = client.rerun(number, stdin=read_input(text, input_file), args=args, limits=limits.read())
    what = f"Run {run.number} of submission {number}"
    _answer(server, client.get(number), what, wait=wait, timeout=timeout, as_json=as_json)


@on_server
def cancel(server: Server, number: Number, as_json: Json = False) -> None:
    """Cancel a submission that waits or runs."""
    submission = server.connect().cancel(number)
    sentence = f"Submission {submission.id} is {submission.state}."
    terminal.say_done(sentence, show.plain(submission), as_json=as_json)


@on_server
def delete(server: Server, number: Number, as_json: Json = False) -> None:
    """Delete a submission with its files, results and mails."""
    server.connect().delete(number)
    terminal.say_done(f"Submission {number} is deleted.", {"id": number, "deleted": True}, as_json=as_json)


def _answer(
    server: Server,
    submission: Submission,
    what: str,
    *,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    junit_xml: Path | None = None,
) -> None:
    """Show that a submission, or `what` run of it, was taken. With `wait`, show its result."""
    is_held = submission.state == "held"
    if wait and not is_held:
        submission = follow(server, submission.id, timeout=timeout)
        write_junit(server.connect(), [submission], [submission.entry], junit_xml)
        _finish(server, submission, as_json=as_json)
    show.end_with_json(submission, as_json)
    mailed = f" Its result is mailed to {submission.email}." if submission.email else ""
    terminal.say(f"{what} is {'held' if is_held else 'queued'}.{mailed}")
    command = server.command("rerun" if is_held else "watch", submission.id)
    terminal.hint(f"Run it with `{command}`." if is_held else f"Follow it with `{command}`.")


def _finish(server: Server, submission: Submission, *, as_json: bool) -> NoReturn:
    """Show the result of a submission that has ended, and exit."""
    if as_json:
        terminal.say_json(show.plain(submission))
    else:
        show.result(server.connect(), submission)
    raise typer.Exit(0 if submission.passed else 1)


def _check_waiting(wait: bool, timeout: float | None) -> None:
    if timeout is not None and not wait:
        raise typer.BadParameter("it needs --wait.", param_hint="--timeout")
