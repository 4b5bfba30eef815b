"""`precieux doctor` and `precieux toolchains`: run programs of the executor."""

import subprocess
from typing import Annotated, Literal

import typer

from precieux.commands.options import Json
from precieux.terminal import own_command
from precieux.up.services import command

Action = Annotated[Literal["list", "install", "remove"], typer.Argument(help="What to do.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="The toolchains, as `list` names them.")]


def doctor(as_json: Json = False) -> None:
    """Check whether this machine can run programs safely, and in which languages."""
    words = command("executor.doctor", "--start", f"{own_command()} up", *["--json"] * as_json)
    raise typer.Exit(subprocess.run(words, check=False).returncode)


def toolchains(action: Action, names: Names = None, as_json: Json = False) -> None:
    """List newer compilers and interpreters of PyPI and npm, install them, or remove them.

    What is installed is verified, and proved in the sandbox.
    """
    words = (action, *["--json"] * as_json, "--", *(names or ()))
    raise typer.Exit(subprocess.run(command("executor.toolchains", *words), check=False).returncode)
