"""The command line.

Exit codes: 0 success, 1 a program or command failed, 2 wrong usage, 3 the server refused or did not answer,
78 (EX_CONFIG) a wrong setting, or a database of another release.
"""

import os
import subprocess
import sys
from typing import Annotated

import typer

from precieux import terminal
from precieux.commands import (
    batch,
    dead,
    install_service,
    jobs,
    keys,
    mail,
    offers,
    quarantine,
    queue,
    submissions,
    upkeep,
    webhooks,
)
from precieux.commands.options import DataDir, Json
from precieux.errors import UsageError
from precieux.up import services, system
from precieux.up.settings import load_up_settings
from precieux_client import APIError, ConnectionFailed, InvalidRequest, Unauthenticated
from precieux_client import PrecieuxError as ClientError
from shared.errors import ConfigurationError, PrecieuxError
from shared.logging import LogSettings, configure_logging
from shared.settings import load
from shared.version import VERSION

app = typer.Typer(
    name="precieux",
    help="Post a program, an input and an e-mail address over HTTP; it runs in a sandbox and the result is mailed.",
    epilog="Exit codes: 0 success, 1 a program or command failed, 2 wrong usage, 3 the server refused or is silent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the API (PRECIEUX_PORT; 8000).")]
#: The exit codes of errors. Typer also exits with 2 for a wrong usage.
_EXIT_CODES = {ConfigurationError: os.EX_CONFIG, UsageError: 2, InvalidRequest: 2, ClientError: 3}


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


for _command in (
    submissions.submit,
    submissions.status,
    submissions.watch,
    submissions.result,
    submissions.rerun,
    submissions.cancel,
    submissions.delete,
    batch.batch,
    offers.languages,
    offers.usage,
):
    app.command()(_command)


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


for _command in (upkeep.backup, upkeep.restore, upkeep.upgrade):
    app.command()(_command)
app.command("install-service")(install_service.install_service)
app.command("queue")(queue.show)
app.add_typer(keys.app, name="keys")
app.add_typer(dead.app, name="dead")
app.add_typer(jobs.app, name="jobs")
app.add_typer(mail.app, name="mail")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(webhooks.app, name="webhooks")


def main() -> None:
    try:
        app()
    except (PrecieuxError, ClientError) as exc:
        terminal.complain(_explained(exc))
        sys.exit(next((code for kind, code in _EXIT_CODES.items() if isinstance(exc, kind)), 1))


def _explained(error: Exception) -> str:
    """Return the error's text, with what to do next if a server's answer cannot know it."""
    if isinstance(error, ConnectionFailed):
        return f"{error} Start a server with `precieux up`, or name one with --url."
    if isinstance(error, Unauthenticated):
        return f"{error} Give one with --key or PRECIEUX_API_KEY."
    if isinstance(error, APIError):
        return f"The server refused ({error.status}): {error}"
    return str(error)
