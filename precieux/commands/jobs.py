"""`precieux jobs`: lists jobs, shows one, retries it, or cancels it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from precieux import terminal
from precieux.commands import views
from precieux.commands.options import DataDir, Json, OptionalRowId, RowId, Since
from precieux.installation.operator_database import transact
from shared.adapters.database.connection import Connection
from shared.records.operations import jobs
from shared.records.operations.job_state import JobState

app = typer.Typer(help="List jobs, show one, retry it, or cancel it.", no_args_is_help=True)


@app.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only those in this state.")] = None,
    email: Annotated[str | None, typer.Option(help="Only those of this address.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first."""
    rows = transact(lambda connection: jobs.listed(connection, state=state, email=email, limit=limit), data_dir)
    views.show_list(rows, views.job_cells, as_json=as_json)


@app.command()
def show(job_id: RowId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one job and its mails."""
    job = transact(lambda connection: jobs.details(connection, job_id), data_dir)
    if as_json:
        terminal.say_json(job)
    else:
        terminal.show_table(("field", "value"), views.job_fields(job), whole=("field",))


@app.command()
def retry(
    job_id: OptionalRowId = None, failed_since: Since = None, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Run a waiting job now, or request a failed one again, or all that failed since a time."""
    if (job_id is None) == (failed_since is None):
        raise typer.BadParameter("Give the number of a job, or --failed-since.")
    if job_id is not None:
        _act(jobs.retry, job_id, data_dir, as_json)
        return
    assert failed_since is not None
    since = failed_since.astimezone()
    count = transact(lambda connection: jobs.retry_failed(connection, since), data_dir)
    sentence = f"{count} submissions that could not be run are requested again."
    terminal.say_done(sentence, {"requested": count}, as_json=as_json)


@app.command()
def cancel(job_id: RowId, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Cancel a job that has not ended. Its recipient gets a mail that says so."""
    _act(jobs.cancel, job_id, data_dir, as_json)


def _act(act: Callable[[Connection, int], Awaitable[str]], job_id: int, data_dir: Path | None, as_json: bool) -> None:
    done = transact(lambda connection: act(connection, job_id), data_dir)
    terminal.say_done(done, {"id": job_id, "done": done}, as_json=as_json)
