"""`precieux doctor` and `precieux toolchains`, which are programs of the executor."""

import subprocess
from typing import Annotated, Literal, NoReturn

import typer

from precieux.commands.options import Json
from precieux.terminal import own_command
from precieux.up.services import command

Action = Annotated[Literal["list", "install", "remove"], typer.Argument(help="What to do.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="The toolchains, as `list` names them.")]


def doctor(as_json: Json = False) -> None:
    """Check whether this machine can run programs safely, and in which languages."""
    _exit_with("executor.doctor", "--start", f"{own_command()} up", *["--json"] * as_json)


def toolchains(action: Action, names: Names = None, as_json: Json = False) -> None:
    """List newer compilers and interpreters of PyPI and npm, install them, or remove them.

    What is installed is verified, and proved in the sandbox.
    """
    _exit_with("executor.toolchains", action, *["--json"] * as_json, "--", *(names or ()))


def _exit_with(module: str, *words: str) -> NoReturn:
    """Run a program, and exit with its code."""
    raise typer.Exit(subprocess.run(command(module, *words), check=False).returncode)
