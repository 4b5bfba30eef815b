"""The command line.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the server refused or did not answer, 78 (EX_CONFIG) a wrong setting.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from precieux import local_key, terminal
from precieux.client import LOCAL_SERVER, Client, ServerError, UsageError
from precieux.commands import dead, install_service, jobs, keys, quarantine, queue, submission, suppressions, webhooks
from precieux.commands.options import DataDir, Json
from precieux.up import services, system
from precieux.up.settings import load_up_settings
from shared.errors import ConfigurationError, PrecieuxError
from shared.logging import LogSettings, configure_logging
from shared.settings import load
from shared.version import VERSION

app = typer.Typer(
    name="precieux",
    help="Post a program, an input and an e-mail address over HTTP; it runs in a sandbox and the result is mailed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(keys.app, name="keys")
app.command("install-service")(install_service.install_service)
app.command("queue")(queue.show)
app.add_typer(dead.app, name="dead")
app.add_typer(jobs.app, name="jobs")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(webhooks.app, name="webhooks")

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API (PRECIEUX_PORT; 8000).")]
Url = Annotated[str, typer.Option(envvar="PRECIEUX_PUBLIC_URL", help="Address of the server.")]
Key = Annotated[
    str | None,
    typer.Option(envvar="PRECIEUX_API_KEY", help="API key. Default: that of `precieux up` on this machine."),
]
_WRONG_USAGE = 2  # the same as typer's
_SERVER_REFUSED = 3


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.say(f"precieux {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and exit.")
    ] = False,
) -> None:
    """Declare the options of `precieux` without a command."""


@app.command()
def up(port: Port = None, data_dir: DataDir = None) -> None:
    """Start everything on this machine: a database, the services, the executor."""
    configure_logging("up", load(LogSettings))
    system.run(load_up_settings(port=port, data_dir=data_dir), on_ready=terminal.show_ready)


@app.command()
def demo() -> None:
    """Run sample programs on a temporary system, and show their results and mails."""
    from precieux.commands.demo import run_demo

    raise typer.Exit(0 if run_demo() else 1)


@app.command()
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
    inputs = submission.read_inputs(text, input_file)
    ok = submission.submit(
        _client(url, key, data_dir),
        file,
        email=email,
        language=language,
        inputs=inputs,
        number=number,
        wait=wait,
        timeout=timeout,
        as_json=as_json,
    )
    raise typer.Exit(0 if ok else 1)


@app.command()
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
        terminal.say_json([one.as_dict() for one in submissions])
    elif submissions:
        terminal.show_submissions(submissions)
    else:
        terminal.say(f"There are no submissions for {email}.")


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Upgrade the database's schema. `precieux up` does it at each start."""
    configure_logging("migrate", load(LogSettings))
    system.migrate(load_up_settings(data_dir=data_dir))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check whether this machine can run programs safely, and in which languages."""
    command = services.command("executor.doctor", "--start", f"{terminal.own_command()} up", *["--json"] * as_json)
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _client(url: str, key: str | None, data_dir: Path | None) -> Client:
    """Return a client. Without a key it uses the one of `precieux up` on this machine."""
    return Client(url, key or local_key.find(load_up_settings(data_dir=data_dir).data_dir, url))


def main() -> None:
    try:
        app()
    except ConfigurationError as exc:
        terminal.complain(exc)
        sys.exit(os.EX_CONFIG)
    except UsageError as exc:
        terminal.complain(exc)
        sys.exit(_WRONG_USAGE)
    except ServerError as exc:
        terminal.complain(exc)
        sys.exit(_SERVER_REFUSED)
    except PrecieuxError as exc:
        terminal.complain(exc)
        sys.exit(1)
