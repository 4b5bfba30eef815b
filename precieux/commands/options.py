"""Options that several commands have."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from precieux.up.settings import DEFAULT_URL

_BYTES: Final = re.compile(r"([0-9]{1,18})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
#: No program runs with less memory.
_MIN_BYTES: Final = 1 << 20


def byte_count(text: str, *, min_bytes: int = _MIN_BYTES) -> int:
    """Return the bytes of a text such as `512M`, where K, M, G and T are powers of 1024. Raise `BadParameter`."""
    size = _BYTES.fullmatch(text.strip())
    if size is None:
        raise typer.BadParameter(f"{text} is no number of bytes: write it as 268435456 or 256M.")
    count = int(size[1]) << 10 * " KMGT".index(size[2].upper() or " ")
    if count < min_bytes:
        raise typer.BadParameter(f"{text} is too little: give at least {min_bytes} bytes.")
    return count


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
Language = Annotated[str | None, typer.Option(help="Its language. Default: by the extension.")]
Entry = Annotated[str | None, typer.Option(help="The file to run, if there are several.")]
CompilerArgs = Annotated[
    list[str] | None, typer.Option("--compiler-arg", help="An option of the compiler; may be repeated.")
]
Input = Annotated[str | None, typer.Option("--input", help="Standard input of the program.")]
InputFile = Annotated[Path | None, typer.Option(help="File with the standard input, or - for this command's.")]
Args = Annotated[list[str] | None, typer.Option("--arg", help="An argument of the program; may be repeated.")]
Test = Annotated[list[str] | None, typer.Option("--test", metavar="IN:OUT", help="A test: two files; may be repeated.")]
Tests = Annotated[
    Path | None,
    typer.Option(
        "--tests",
        help="Folder of tests: 1.in, 1.out, 2.in, ... A test without an output is passed by a program that ends well.",
    ),
]
CheckerName = Annotated[
    str,
    typer.Option(
        "--checker",
        metavar="KIND|FILE",
        help="How outputs are compared: exact, lines, tokens, float or icpc; or a file or folder with a program that"
        " judges them.",
    ),
]
CheckerArgs = Annotated[
    list[str] | None, typer.Option("--checker-arg", help="An argument of the checker or interactor; may be repeated.")
]
InteractorPath = Annotated[
    Path | None, typer.Option("--interactor", metavar="FILE", help="A program that talks with this one, and judges it.")
]
Protocol = Annotated[
    str, typer.Option("--checker-protocol", help="How a program that judges is called: kattis or testlib.")
]
ToProblem = Annotated[
    str | None,
    typer.Option("--problem", metavar="NAME[@VERSION]", help="Judge it by the tests of this problem."),
]
Metadata = Annotated[
    list[str] | None, typer.Option("--metadata", metavar="NAME=TEXT", help="A text to keep with it; may be repeated.")
]
CpuSeconds = Annotated[float | None, typer.Option("--cpu-s", min=0, help="Seconds of CPU time that it may use.")]
WallSeconds = Annotated[float | None, typer.Option("--wall-s", min=0, help="Seconds that it may take.")]
MemoryBytes = Annotated[
    int | None,
    typer.Option("--memory-bytes", metavar="BYTES", parser=byte_count, help="Memory that it may use: 512M."),
]


def on_server(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with the options --url, --key and --data-dir in place of its parameter `server`."""
    from precieux.installation.server import Server

    def run(*, url: Url = DEFAULT_URL, key: Key = None, data_dir: DataDir = None, **values: Any) -> None:
        with Server(url, key, data_dir) as server:
            command(server=server, **values)

    own = [one for one in signature(command).parameters.values() if one.name != "server"]
    added = [one for one in signature(run).parameters.values() if one.kind is Parameter.KEYWORD_ONLY]
    update_wrapper(run, command)
    # Typer makes the options from these two.
    run.__signature__ = Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return run
