"""`precieux queue`: counts submissions by place and state, with the age of the oldest."""

from datetime import UTC, datetime
from typing import Any, Final

from precieux import terminal
from precieux.commands.options import DataDir, Json
from precieux.installation.operator_database import operate
from shared.adapters.broker.base import DEAD_QUEUE, QUEUE
from shared.adapters.broker.open_dead_letters import open_dead_letters
from shared.adapters.broker.settings import BrokerSettings
from shared.adapters.database.connection import Database
from shared.common.service.errors import BrokerUnavailable
from shared.common.service.settings import load
from shared.records.resources.states import MailState, WebhookState

#: A `due` job waits for a runner, a `later` one for its next attempt. The lease of a `lost` one has expired, so it is
#: about to be rescued.
_COUNTS: Final = """
    SELECT 'outbox' AS place, 'waiting' AS state, count(*) AS count, min(created_at) AS oldest_at
    FROM outbox WHERE failure IS NULL
    UNION ALL
    SELECT 'requests', 'without a job', count(*), min(requested_at) FROM uploads WHERE request_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM job WHERE job.request_id = uploads.request_id)
    UNION ALL
    SELECT 'jobs', CASE
        WHEN status = 'none-executed' AND run_after <= now() THEN 'due'
        WHEN status = 'none-executed' THEN 'later'
        WHEN status = 'executing' AND lease_expires_at < now() THEN 'lost'
        ELSE status END AS state, count(*), min(coalesce(finished_at, started_at, created_at))
    FROM job GROUP BY state
    UNION ALL
    SELECT 'mails', status, count(*), min(created_at) FROM emails GROUP BY status
    UNION ALL
    SELECT 'webhooks', status, count(*), min(created_at) FROM webhooks GROUP BY status
"""
#: Places in the order in which a submission passes through them. Every state has a row, even if it is empty.
_ORDER: Final = (
    ("requests", "without a job"),
    ("outbox", "waiting"),
    ("broker", "waiting"),
    ("broker", "dead"),
    *(("jobs", state) for state in ("due", "later", "executing", "lost", "executed", "failed", "cancelled")),
    *(("mails", str(state)) for state in MailState),
    *(("webhooks", str(state)) for state in WebhookState),
)


def show(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show how many submissions, messages, jobs, mails and webhooks wait, and for how long."""
    settings = load(BrokerSettings)
    counts = operate(lambda database: count_everything(database, settings), data_dir)
    if as_json:
        terminal.say_json(counts)
        return
    cells = ((*list(count.values())[:-1], age(count["oldest_s"])) for count in counts)
    terminal.show_table(("place", "state", "count", "oldest"), cells)


async def count_everything(database: Database, settings: BrokerSettings) -> list[dict[str, Any]]:
    """Return a count for every place and state, in the order in which a submission passes them.

    It is None if the broker is unavailable. `oldest_s` is the age of the oldest in seconds, or None.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch_all(_COUNTS)
    counts: dict[tuple[str, str], tuple[int | None, datetime | None]] = dict.fromkeys(_ORDER, (0, None))
    counts |= {(row["place"], row["state"]): (row["count"], row["oldest_at"]) for row in rows}
    try:
        depths = await open_dead_letters(settings, database).depths()
        for state, queue in (("waiting", QUEUE), ("dead", DEAD_QUEUE)):
            counts["broker", state] = depths[queue].messages, depths[queue].oldest_at
    except BrokerUnavailable as exc:
        counts["broker", "waiting"] = counts["broker", "dead"] = (None, None)
        terminal.hint(str(exc))
    return [
        {"place": place, "state": state, "count": count, "oldest_s": _seconds_since(oldest_at)}
        for (place, state), (count, oldest_at) in counts.items()
    ]


def age(seconds: float | None) -> str | None:
    """Return an age in its two largest units; None if it is unknown."""
    if seconds is None:
        return None
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, size)
        if amount or (unit == "s" and not parts):
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2])


def _seconds_since(moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, round((datetime.now(UTC) - moment).total_seconds(), 1))
