"""`precieux jobs`: what became of jobs, and another try or an early end for one."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer

from precieux import terminal
from precieux.commands import job_rows, job_views
from precieux.operator_database import operate
from shared.database.connection import Connection, Database
from shared.job_state import JobState

app = typer.Typer(help="List jobs, look at one, try it again, or cancel it.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder of all embedded state (PRECIEUX_DATA_DIR).")]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
JobId = Annotated[int, typer.Argument(metavar="ID", min=1, max=(1 << 63) - 1, help="The job's number.")]

T = TypeVar("T")

#: Columns of the list that keep their width; the others are folded.
_NEVER_BROKEN: Final = ("id", "submission", "attempts", "mail", "created", "finished")


@app.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only those in this state.")] = None,
    email: Annotated[str | None, typer.Option(help="Only those of this address.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first."""
    rows = _with_connection(
        lambda connection: job_rows.listed(connection, state=state, email=email, limit=limit), data_dir
    )
    if as_json:
        terminal.say_json(_plain(rows))
    elif terminal.out.is_terminal:
        headers, cells = job_views.as_list(rows, terminal.out.width)
        terminal.show_table(headers, cells, whole=_NEVER_BROKEN)
    else:
        terminal.show_table((), (_plain(row).values() for row in rows))


@app.command()
def show(job_id: JobId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show all that is known of one job and its mails."""
    job = _with_connection(lambda connection: job_rows.details(connection, job_id), data_dir)
    if as_json:
        terminal.say_json(_plain(job))
    else:
        terminal.show_table(("field", "value"), job_views.as_fields(job), whole=("field",))


@app.command()
def retry(job_id: JobId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Try a waiting job now, or request a failed one again."""
    _act(job_rows.retry, job_id, data_dir, as_json)


@app.command()
def cancel(job_id: JobId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """End a job that has no end yet. Its recipient is told that you cancelled it."""
    _act(job_rows.cancel, job_id, data_dir, as_json)


def _act(act: Callable[[Connection, int], Awaitable[str]], job_id: int, data_dir: Path | None, as_json: bool) -> None:
    done = _with_connection(lambda connection: act(connection, job_id), data_dir)
    if as_json:
        terminal.say_json({"id": job_id, "done": done})
    else:
        terminal.say(done)


def _with_connection(use: Callable[[Connection], Awaitable[T]], data_dir: Path | None) -> T:
    async def work(database: Database) -> T:
        async with database.transaction() as connection:
            return await use(connection)

    return operate(work, data_dir)


def _plain(value: Any) -> Any:
    """Times and ids as text, for tables and JSON alike."""
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case datetime():
            return value.isoformat(timespec="seconds")
        case UUID():
            return str(value)
        case _:
            return value
