"""The life of a submission, as the services write it: each step with its notification."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.database import channels
from shared.database.connection import Database
from tests.integration.rows import execute, fetch


@dataclass
class Life:
    database: Database
    submission: int

    async def request(self) -> None:
        """Request a run; no consumer has seen it yet."""
        await self._do(
            "UPDATE uploads SET request_id = gen_random_uuid(), requested_at = now(), runs = runs + 1, outcome = NULL,"
            " verdict = NULL WHERE id = :id"
        )

    async def queue(self, **columns: int) -> None:
        """Make the job of the request."""
        names = "".join(f", {name}" for name in columns)
        values = "".join(f", {value}" for value in columns.values())
        await self._do(
            f"INSERT INTO job (upload, job, request_id, number, requested_at, owner{names}) SELECT id, '{{}}',"
            f" request_id, runs, requested_at, coalesce(owner, 0){values} FROM uploads WHERE id = :id"
        )

    async def claim(self) -> None:
        await self._do(
            "UPDATE job SET status = 'executing', attempt = attempt + 1, started_at = now(),"
            " lease_id = gen_random_uuid() WHERE upload = :id AND status = 'none-executed'"
        )

    async def release(self) -> None:
        """Hand the job back as if it had never been claimed."""
        await self._do(
            "UPDATE job SET status = 'none-executed', attempt = attempt - 1, lease_id = NULL"
            " WHERE upload = :id AND status = 'executing'"
        )

    async def retry(self) -> None:
        """Hand the job back for another attempt."""
        await self._do(
            "UPDATE job SET status = 'none-executed', lease_id = NULL, failure = 'the engine stopped'"
            " WHERE upload = :id AND status = 'executing'"
        )

    async def end_test(self, number: int, verdict: str = "accepted", stdout: str = "1\n") -> None:
        await self._do(
            "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr)"
            " SELECT id, :number, attempt, :verdict, 1, convert_to(:stdout, 'UTF8'), '' FROM job"
            " WHERE upload = :id AND status = 'executing'",
            number=number,
            verdict=verdict,
            stdout=stdout,
        )

    async def end(self, status: str = "executed", verdict: str | None = "ok", output: str = "1\n") -> None:
        outcome = {"executed": "finished"}.get(status, status)
        await self._do(
            "WITH ended AS (UPDATE job SET status = :status, finished_at = now(), lease_id = NULL"
            " WHERE upload = :id AND status IN ('none-executed', 'executing') RETURNING id, upload),"
            " stored AS (INSERT INTO results (job, upload, verdict, output, stderr)"
            " SELECT id, upload, :verdict, :output, '' FROM ended WHERE :status = 'executed')"
            " UPDATE uploads SET request_id = NULL, outcome = :outcome, verdict = :verdict FROM ended"
            " WHERE uploads.id = ended.upload",
            status=status,
            outcome=outcome,
            verdict=verdict if outcome == "finished" else None,
            output=output,
        )
        [row] = await fetch(self.database, "SELECT batch FROM uploads WHERE id = :id", id=self.submission)
        if row["batch"] is not None:
            await notify_batch(self.database, int(str(row["batch"])))

    async def run(self) -> None:
        """Take the whole way from the request to the end."""
        await self.request()
        await self.queue()
        await self.claim()
        await self.end()

    async def delete(self) -> None:
        for table in ("results", "job"):
            await execute(self.database, f"DELETE FROM {table} WHERE upload = :id", id=self.submission)
        await self._do("DELETE FROM uploads WHERE id = :id")

    async def _do(self, sql: str, **values: object) -> None:
        await execute(self.database, sql, id=self.submission, **values)
        await execute(
            self.database, "SELECT pg_notify(:channel, :id)", channel=channels.SUBMISSIONS, id=str(self.submission)
        )


async def born(
    database: Database, *, owner: int | None = None, tests: Sequence[dict[str, Any]] | None = None, **columns: object
) -> Life:
    """Register a submission that is held."""
    values: dict[str, object] = {"language": "py", "filename": "main.py", "owner": owner, "spec": "{}", **columns}
    if tests is not None:
        filled = [{"name": str(number), "hidden": False, "points": 1, **test} for number, test in enumerate(tests, 1)]
        values["tests"] = json.dumps(filled)
    values["files"] = json.dumps([{"path": "main.py", "size_bytes": 8}])
    names = list(values)
    row = json.dumps(
        {
            name: json.loads(str(value)) if name in ("spec", "files", "tests") else value
            for name, value in values.items()
        }
    )
    [added] = await fetch(
        database,
        f"INSERT INTO uploads ({', '.join(names)}) SELECT {', '.join(names)}"
        " FROM jsonb_populate_record(NULL::uploads, :row) RETURNING id",
        row=row,
    )
    return Life(database, int(str(added["id"])))


async def notify_batch(database: Database, batch: int) -> None:
    await execute(database, "SELECT pg_notify(:channel, :id)", channel=channels.BATCHES, id=str(batch))
