"""Prints results: colours and tables on a terminal, plain text on a pipe, JSON on request."""

import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.common.service.errors import PrecieuxError
from shared.common.text.control_characters import replace_controls

#: Results go to `out`, progress and errors to `err`, so that a pipe carries only results.
out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

#: Names that one line has.
_SHOWN_NAMES: Final = 10

#: The colours of states and verdicts. Any other is yellow.
_STYLES: Final = {
    **dict.fromkeys(("ok", "accepted", "executed", "finished", "sent", "delivered"), "green"),
    **dict.fromkeys(("executing", "running", "sending"), "cyan"),
    **dict.fromkeys(("none-executed", "queued", "held", "cancelled", "suppressed"), "dim"),
    **dict.fromkeys(("failed", "bounced", "complained", "refused", "uncertain", "wrong"), "red"),
}


def prepare_streams() -> None:
    """Let commands print any text in any locale, and run without a standard stream. Call it first."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the caller has closed it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  (for the whole process)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Write a text to the standard output. Raise `PrecieuxError` if there is no room for it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # its reader has what it wants
    except OSError as exc:
        # Python would write what is left at its end, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise PrecieuxError(f"The standard output cannot be written ({exc.strerror}): make room on its disk.") from exc


def say(text: str) -> None:
    """Print a text as it is, without markup and wrapping."""
    if out.is_terminal:
        out.print(text, markup=False, soft_wrap=True)
    else:
        write(text + "\n")  # rich would replace tabs with spaces


def hint(text: str) -> None:
    """Print a line that is not part of the result."""
    err.print(replace_controls(text), markup=False, soft_wrap=True, style="dim")


def say_json(value: Any) -> None:
    """Print a value as JSON. Times and UUIDs become text."""
    write(json.dumps(value, ensure_ascii=False, default=_as_text) + "\n")


def say_done(sentence: str, value: Any, *, as_json: bool) -> None:
    """Print what was done: a sentence, or this value as JSON."""
    if as_json:
        say_json(value)
    else:
        say(sentence)


def complain(sentence: str) -> None:
    err.print(Text.assemble(("precieux: ", "bold red"), replace_controls(sentence)), soft_wrap=True)


def show_program_output(text: str) -> None:
    """Print a program's output: byte for byte on a pipe, without control characters on a terminal."""
    if out.is_terminal:
        say(replace_controls(text).rstrip("\n"))
    else:
        write(text)


def pass_on(text: str, *, to_stderr: bool = False) -> None:
    """Print a piece of a program's output where the program wrote it; on a terminal without control characters."""
    is_terminal = (err if to_stderr else out).is_terminal
    shown = replace_controls(text) if is_terminal else text
    if to_stderr:
        sys.stderr.write(shown)
        sys.stderr.flush()
    else:
        write(shown)


def styled(word: str | None) -> Text:
    """Return a status or a verdict in its colour."""
    return Text(word or "-", style=_STYLES.get(word or "", "yellow" if word else "dim"))


def show_table(headers: Sequence[str], rows: Iterable[Iterable[object]], *, whole: Collection[str] = ()) -> None:
    """Print rows: columns with headers on a terminal, tab-separated lines on a pipe. None is a dash.

    If the terminal is too narrow, columns are folded, except those in `whole`. No text is cut off. A `Text` keeps its
    colour.
    """
    if not out.is_terminal:
        for row in rows:
            say("\t".join(_as_cell(cell) for cell in row))
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=header in whole)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_as_cell(cell)) for cell in row))
    out.print(table)


def show_rows(headers: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows as JSON, or as a table with these headers for their fields."""
    if as_json:
        say_json(rows)
    else:
        show_table(headers, (row.values() for row in rows))


def _as_cell(value: object) -> str:
    return "-" if value is None else replace_controls(_as_text(value))


def _as_text(value: object) -> str:
    """Return a value as tables and JSON have it: a time in ISO 8601, without fractions of a second."""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def some(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many there are more."""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"{', '.join(names[:_SHOWN_NAMES])}{more}"


def short_date(value: datetime) -> str:
    """Return a time in this machine's zone, with the year only if it is not this one."""
    local = value.astimezone()
    return local.strftime("%m-%d %H:%M" if local.year == datetime.now().astimezone().year else "%Y-%m-%d")


def long_date(value: datetime) -> str:
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def describe_signal(number: int) -> str:
    """Return the name of a signal for people, such as `Segmentation fault (signal 11)`."""
    return f"{signal.strsignal(number) or 'unknown'} (signal {int(number)})"


def own_command() -> str:
    """Return the path of this `precieux`, or its name if it is on the PATH.

    The path is relative if it is below the working directory, unless that is the root, as it is in a service.
    """
    if shutil.which("precieux"):
        return "precieux"
    command, here = Path(sys.executable).with_name("precieux"), Path.cwd()
    return str(command.relative_to(here) if here != Path("/") and command.is_relative_to(here) else command)
