"""Options that several commands have."""

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from precieux.up.settings import DEFAULT_URL

DataDir = Annotated[Path | None, typer.Option(help="Folder of all local state (PRECIEUX_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[str, typer.Option(envvar=["PRECIEUX_URL", "PRECIEUX_PUBLIC_URL"], help="Address of the server.")]
Key = Annotated[
    str | None,
    typer.Option(envvar="PRECIEUX_API_KEY", help="API key. Default: that of `precieux up` on this machine."),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        help="All since this local time, such as 2026-12-31T08:30.",
    ),
]
RowId = Annotated[int, typer.Argument(metavar="ID", min=1, max=(1 << 63) - 1, help="Its number.")]
OptionalRowId = Annotated[
    int | None, typer.Argument(metavar="[ID]", min=1, max=(1 << 63) - 1, help="Its number.", show_default=False)
]
Number = Annotated[int, typer.Argument(min=1, metavar="ID", help="Number of the submission.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the result; exit code 1 if it is bad.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Seconds to wait at most; then exit code 124.")]
Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Files, a folder, a zip, or - for standard input.")
]
Entry = Annotated[str | None, typer.Option(help="The file to run, if there are several.")]
Input = Annotated[str | None, typer.Option("--input", help="Standard input of the program.")]
InputFile = Annotated[Path | None, typer.Option(help="File with the standard input, or - for this command's.")]
Args = Annotated[list[str] | None, typer.Option("--arg", help="An argument of the program; may be repeated.")]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", metavar="NAME=TEXT", help="A text to keep with it; may be repeated.")
]


def on_server(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options --url, --key and --data-dir in place of its parameter `server`.

    A parameter whose type is a dataclass is a group of options: its fields.
    """
    from precieux.installation.server import Server

    def run(*, url: Url = DEFAULT_URL, key: Key = None, data_dir: DataDir = None, **values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{item.name: values.pop(item.name) for item in fields(group) if item.name in values})
        with Server(url, key, data_dir) as server:
            command(server=server, **values)

    given = [item for item in signature(command).parameters.values() if item.name != "server"]
    groups: dict[str, Any] = {item.name: item.annotation for item in given if is_dataclass(item.annotation)}
    options_of_run = [option for item in given for option in _options_of(item)]
    added = [item for item in signature(run).parameters.values() if item.kind is Parameter.KEYWORD_ONLY]
    update_wrapper(run, command)
    # Typer makes the options from these two.
    options = [item.replace(kind=Parameter.KEYWORD_ONLY) for item in (*options_of_run, *added)]
    run.__signature__ = Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {item.name: item.annotation for item in options}
    return run


def given_options(group: Any) -> list[str]:
    """Return the options of a group that do not have their defaults."""
    return [f"--{item.name.replace('_', '-')}" for item in fields(group) if getattr(group, item.name) != item.default]


def _options_of(parameter: Parameter) -> Iterable[Parameter]:
    """Return the parameters of a group of options, or this parameter if it is no group."""
    group: Any = parameter.annotation
    return signature(group).parameters.values() if is_dataclass(parameter.annotation) else [parameter]
