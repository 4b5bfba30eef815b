"""Counts the submissions of Judge0's clients."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.database.connection import Connection, Record
from shared.engine.codex import Verdict
from shared.judge0.statuses import Run, Status, ending_of
from shared.resources.statements import LATEST_JOB, owned

_COUNTS: Final = f"""
    SELECT CAST(d.request ->> 'language_id' AS int) AS language_id, d.request ->> 'language' AS language,
        CAST(CAST(u.created_at AT TIME ZONE 'UTC' AS date) AS text) AS day, u.request_id IS NOT NULL AS is_requested,
        u.outcome, j.status = 'executing' AS is_running, r.verdict, r.exit_code, r.signal,
        r.time_s > nullif(CAST(d.request ->> 'cpu_time_limit' AS float), 0) AS is_over,
        r.exit_code = 126 AND position('Exec format error' IN r.stderr) > 0 AS is_no_program,
        count(*) AS number
    FROM judge0_submissions d JOIN uploads u ON u.id = d.upload {LATEST_JOB} LEFT JOIN results r ON r.job = j.id
    WHERE {owned("u")} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""  # noqa: S608  (constants)
_SIZE: Final = """
    SELECT pg_database_size(current_database()) AS bytes, pg_size_pretty(pg_database_size(current_database())) AS pretty
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of submissions by status, by day (UTC), and by language (id and name), the largest first."""

    by_status: Mapping[Status, int]
    by_day: Mapping[str, int]
    by_language: Mapping[tuple[int, str], int]
    size_bytes: int
    size_pretty: str


async def counts(connection: Connection, *, owner: int | None) -> Counts:
    """Return the counts of a key's submissions, or of all submissions for None, and the size of the database."""
    by_status: Counter[Status] = Counter()
    by_day: Counter[str] = Counter()
    by_language: Counter[tuple[int, str]] = Counter()
    for row in await connection.fetch_all(_COUNTS, {"owner": owner}):
        by_status[_status(row)] += row["number"]
        by_day[row["day"]] += row["number"]
        by_language[row["language_id"], row["language"]] += row["number"]
    size = await connection.fetch_one(_SIZE)
    assert size is not None
    return Counts(by_status, by_day, dict(by_language.most_common()), size["bytes"], size["pretty"])


def _status(row: Record) -> Status:
    if row["is_requested"] or row["outcome"] is None:
        return Status.PROCESSING if row["is_requested"] and row["is_running"] else Status.IN_QUEUE
    if row["verdict"] is None:
        return Status.INTERNAL_ERROR
    return ending_of(
        Run(
            verdict=Verdict(row["verdict"]),
            exit_code=row["exit_code"],
            signal=row["signal"],
            cpu_s=2.0 if row["is_over"] else 0.0,
            cpu_limit=1.0,
            stderr=b"Exec format error" if row["is_no_program"] else b"",
        )
    ).status
