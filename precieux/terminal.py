"""What a person sees: colours and tables on a terminal, plain text on a pipe, JSON for machines."""

import json
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from precieux.client import LOCAL_SERVER, Submission
from precieux.up.up import System

#: Results go to `out`; progress and errors to `err`, so that a pipe carries results alone.
out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

_STYLES: Final = {
    "ok": "green",
    "executed": "green",
    "executing": "cyan",
    "none-executed": "dim",
    "failed": "red",
}
#: Control characters, except tab and newline: a program's output must not command the terminal that shows it.
_CONTROLS: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


def say(text: str) -> None:
    """One plain line, as it is: no markup, no wrapping."""
    if out.is_terminal:
        out.print(text, markup=False, soft_wrap=True)
    else:
        # Not by rich, which turns tabs into spaces.
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def hint(text: str) -> None:
    """A line for the person at the terminal, beside the result."""
    err.print(text, markup=False, soft_wrap=True, style="dim")


def say_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def complain(error: Exception) -> None:
    err.print(Text.assemble(("precieux: ", "bold red"), str(error)), soft_wrap=True)


def show_program_output(text: str) -> None:
    """To the byte on a pipe; harmless on a terminal."""
    if out.is_terminal:
        say(harmless(text).rstrip("\n"))
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def harmless(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def styled(word: str | None) -> Text:
    """A status or a verdict in its colour."""
    return Text(word or "-", style=_STYLES.get(word or "", "yellow" if word else "dim"))


def show_table(headers: Sequence[str], rows: Iterable[Iterable[object]], *, whole: Collection[str] = ()) -> None:
    """Columns under headers on a terminal; tab-separated and without headers on a pipe. None is a dash.

    Where the terminal is too narrow, columns are folded, except those in `whole`. Nothing is cut off.
    """
    texts = [["-" if cell is None else harmless(str(cell)) for cell in row] for row in rows]
    if not out.is_terminal:
        for row in texts:
            say("\t".join(row))
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=header in whole)
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    out.print(table)


def short_date(value: datetime) -> str:
    """Return a time of this machine's zone; the year only if it is another one."""
    local = value.astimezone()
    return local.strftime("%m-%d %H:%M" if local.year == datetime.now().astimezone().year else "%Y-%m-%d")


def _short_date_of(text: str | None) -> str:
    """Return what a server says in short, or as it is if that is no date."""
    try:
        return short_date(datetime.fromisoformat(text)) if text else ""
    except ValueError:
        return harmless(text or "")


def show_submissions(submissions: Iterable[Submission]) -> None:
    if not out.is_terminal:
        for one in submissions:
            say("\t".join((str(one.id), one.status or "-", one.verdict or "-", one.execute_date or "-")))
        return
    table = Table("id", "status", "verdict", "executed at", "output", box=None, header_style="bold")
    for one in submissions:
        executed_at = Text(_short_date_of(one.execute_date))
        table.add_row(str(one.id), styled(one.status), styled(one.verdict), executed_at, Text(_first_line(one.output)))
    out.print(table)


def show_ready(system: System) -> None:
    """Tell where it answers, and how to send a program: by the command, or by the two calls that it makes."""
    here = f" --url {system.url}" if system.url != LOCAL_SERVER else ""
    commands = (
        f"{own_command()} submit samples/hello.py --email you@example.com --wait{here}",
        f"curl -F file=@samples/hello.py -F email=you@example.com -F language=py {system.url}/submit_email/",
        f"curl '{system.url}/check_email/?id=NUMBER'  # the number that the first answered",
    )
    lines = {"API": system.url, "Mails go to": system.mail_goes_to, "Data folder": str(system.data_dir)}
    if system.database_folder and not system.database_folder.is_relative_to(system.data_dir):
        # Root's Postgres runs as a user of its own, who does not reach every data folder.
        lines["Database"] = str(system.database_folder)
    if not out.is_terminal:
        say("Precieux is ready.")
        for name, value in lines.items():
            say(f"{name}: {value}")
        for line in commands:
            say(f"Try: {line}")
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in lines.items():
        grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    out.print(Panel(grid, title="[bold green]Precieux is ready[/]", subtitle="Ctrl-C stops it", expand=False))
    # Outside the frame, and not wrapped, so that they can be copied.
    for line in commands:
        out.print(Text(f"  {line}", style="cyan"), soft_wrap=True)


def own_command() -> str:
    """Return how to call `precieux` from here: it is seldom on the PATH."""
    if shutil.which("precieux"):
        return "precieux"
    command = Path(sys.executable).with_name("precieux")
    return str(command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command)


def _first_line(text: str | None) -> str:
    first = harmless(text or "").strip().partition("\n")[0]
    return first if len(first) <= 60 else first[:59] + "…"
