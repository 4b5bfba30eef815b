"""`precieux doctor`: runs the executor's checks of this machine."""

import subprocess

import typer

from precieux.commands.options import Json
from precieux.terminal import own_command
from precieux.up.services import command


def doctor(as_json: Json = False) -> None:
    """Check whether this machine can run programs safely, and in which languages."""
    words = command("executor.doctor", "--start", f"{own_command()} up", *["--json"] * as_json)
    raise typer.Exit(subprocess.run(words, check=False).returncode)
