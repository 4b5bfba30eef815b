"""`precieux status --system`: shows what is wrong with the service now, and what to do."""

from pathlib import Path
from typing import Any, Final

import asyncpg
import typer

from precieux import terminal
from precieux.commands.queue import age
from precieux.installation.operator_database import operate
from shared.adapters.broker.open_dead_letters import open_dead_letters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database
from shared.common.service.errors import DatabaseFull, DatabaseUnavailable
from shared.common.service.settings import load
from shared.common.text.control_characters import replace_controls
from shared.records.operations.health_checks import Issue, IssueKind, issues
from shared.records.operations.system_status import SystemStatus, read_system_status

#: IssueKind -> its description, and what to do.
_TEXTS: Final = {
    IssueKind.STANDBY_GONE: (
        "every commit waits for a standby, and none is connected",
        "start the standby, or remove it from synchronous_standby_names",
    ),
    IssueKind.NO_API: (
        "no API is connected to the database",
        "start api_service; the end of its log says why it stopped",
    ),
    IssueKind.NO_RUNNER: ("no runner is connected", "start job_runner; the end of its log says why it stopped"),
    IssueKind.NO_CONSUMER: ("no consumer is connected", "start queue_consumer; the end of its log says why it stopped"),
    IssueKind.BROKER_DOWN: ("RabbitMQ does not answer", "start it, and check PRECIEUX_AMQP_URL"),
    IssueKind.OUTBOX_STUCK: (
        "accepted requests do not reach the broker",
        "look at the log of the API and at the broker",
    ),
    IssueKind.MAILS_STUCK: ("mails are not sent", "look for mail.retrying in the runner's log"),
    IssueKind.MAILS_PAUSED: (
        "no mail can be sent",
        "run `precieux mail test`, and look at the account at the provider; mails are tried each minute",
    ),
    IssueKind.JOBS_WAIT: ("jobs wait for a long time", "start more runners and executors, and run `precieux doctor`"),
    IssueKind.NOTHING_RUNS: (
        "no program could be run, and its result stored, in the last minute",
        "look at the engine and the object store, and run `precieux doctor`; what waits is tried again",
    ),
    IssueKind.JOBS_RETRIED: ("some programs could not be run yet, and are tried again", "precieux jobs list"),
    IssueKind.DEAD_LETTERS: ("messages could not be handled", "precieux dead list"),
    IssueKind.JOBS_FAILED: ("programs could not be run in the last day", "precieux jobs list --state failed"),
    IssueKind.MAILS_FAILED: ("mails did not arrive in the last day", "precieux mail list"),
    IssueKind.LANGUAGES_BROKEN: ("languages do not work", "run `precieux doctor`"),
}
_FIELDS: Final = ("trouble", "what", "remedy", "stops_work", "count", "oldest_s")
_NO_DATABASE: Final = (
    "database-down",
    "the database does not answer, or none of its servers takes writes",
    "start it, or promote the standby; check PRECIEUX_DATABASE_URL",
)
_FULL: Final = (
    "disk-full",
    "the disk of the database is full",
    "make room on it; if Postgres has stopped, start it",
)


def show(data_dir: Path | None, *, as_json: bool) -> None:
    """Print what is wrong, the worst first. Exit code 1 if anything stops work."""
    settings, full = load(BrokerSettings), ""

    async def read(database: Database) -> SystemStatus:
        await require_room(database)
        return await read_system_status(database, open_dead_letters(settings, database))

    try:
        system = operate(read, data_dir)
        wrong, processes, full = [_line(issue) for issue in issues(system)], _processes(system), _full(system)
    except DatabaseFull:
        wrong, processes = [_of_the_database(*_FULL)], "unknown"
    except DatabaseUnavailable:
        wrong, processes = [_of_the_database(*_NO_DATABASE)], "unknown"
    if as_json:
        terminal.say_json(wrong)
    else:
        cells = ([entry["what"], entry["count"], age(entry["oldest_s"]), entry["remedy"]] for entry in wrong)
        terminal.show_table(("what is wrong", "count", "oldest", "what to do"), cells)
        terminal.hint(f"{'' if wrong else 'Nothing is wrong. '}{full}Processes: {processes}.")
    if any(entry["stops_work"] for entry in wrong):
        raise typer.Exit(1)


async def require_room(database: Database) -> None:
    """Raise `DatabaseFull` if the disk of the database is full. It sorts more than fits in memory."""
    try:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL work_mem = '64 kB'")
            await connection.execute(
                "SELECT count(*) FROM (SELECT repeat('x', 1000) AS text FROM generate_series(1, 300) AS number"
                " ORDER BY md5(CAST(number AS text)), text) AS sorted"
            )
    except asyncpg.InternalServerError as exc:
        # Postgres could not make the folder of its temporary files. Its error says only that the folder is missing.
        raise DatabaseFull(f"the disk of the database has no room for a temporary file: {exc}") from exc


def _line(issue: Issue) -> dict[str, Any]:
    """Return one line of the output. `count` and `oldest_s` are None where nothing is counted."""
    what, remedy = _TEXTS[issue.kind]
    if issue.reason:
        tries = f" ({issue.attempts} tries)" if issue.attempts else ""
        what = f"{what}{tries}: {replace_controls(issue.reason)}"
    stops_work, count, seconds = issue.kind.stops_work, issue.count or None, issue.seconds or None
    return dict(zip(_FIELDS, (issue.kind, what, remedy, stops_work, count, seconds), strict=True))


def _of_the_database(trouble: str, what: str, remedy: str) -> dict[str, Any]:
    return dict(zip(_FIELDS, (trouble, what, remedy, True, None, None), strict=True))


def _full(system: SystemStatus) -> str:
    """Return a sentence if programs wait for slots of the engines; otherwise nothing."""
    engine = system.engine
    if engine is None or not engine.slots or not engine.waiting:
        return ""
    wait = "1 program waits" if engine.waiting == 1 else f"{engine.waiting} programs wait"
    return f"All {engine.slots} slots are taken; {wait}, the first for {age(engine.first_waits_s)}. "


def _processes(system: SystemStatus) -> str:
    services = [worker.service for worker in system.workers]
    return ", ".join(f"{services.count(name)} {name}" for name in sorted(set(services))) or "none"
