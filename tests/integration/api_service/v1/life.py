"""The life of a submission, as the services write it: each step with its notification."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.adapters.database.connection import Database
from tests.integration import submission_rows
from tests.integration.rows import execute


@dataclass
class Life:
    """`job` is that of the latest request."""

    database: Database
    submission: int
    job: int = 0

    async def request(self) -> None:
        """Request a run; no consumer has seen it yet."""
        await submission_rows.request(self.database, self.submission)
        await self._notify()

    async def queue(self) -> None:
        """Make the job of the request."""
        self.job = await submission_rows.make_job(self.database, self.submission)
        await self._notify()

    async def claim(self) -> None:
        lease = "started_at = now(), lease_id = gen_random_uuid()"
        await self._change(f"status = 'executing', attempt = attempt + 1, {lease}")

    async def release(self) -> None:
        """Hand the job back as if it had never been claimed."""
        await self._change("status = 'none-executed', attempt = attempt - 1, lease_id = NULL")

    async def retry(self) -> None:
        """Hand the job back for another attempt."""
        await self._change("status = 'none-executed', lease_id = NULL, failure = 'the engine stopped'")

    async def end_test(self, number: int, stdout: str) -> None:
        await execute(
            self.database,
            "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr)"
            " SELECT id, :number, attempt, 'accepted', 1, convert_to(:stdout, 'UTF8'), '' FROM job WHERE id = :job",
            job=self.job,
            number=number,
            stdout=stdout,
        )
        await self._notify()

    async def end(self) -> None:
        await submission_rows.end(self.database, self.job, verdict="ok", output="1\n", stderr="")
        await self._notify()

    async def run(self) -> None:
        """Take the whole way from the request to the end."""
        for step in (self.request, self.queue, self.claim, self.end):
            await step()

    async def delete(self) -> None:
        await execute(self.database, "DELETE FROM uploads WHERE id = :id", id=self.submission)
        await self._notify()

    async def _change(self, values: str) -> None:
        await execute(self.database, f"UPDATE job SET {values} WHERE id = :job", job=self.job)
        await self._notify()

    async def _notify(self) -> None:
        await submission_rows.notify(self.database, self.submission)


async def born(database: Database, *, owner: int | None = None, tests: Sequence[dict[str, Any]] | None = None) -> Life:
    """Register a submission that is held."""
    fields = {"hidden": False, "points": 1}
    filled = [{"name": str(number), **fields, **test} for number, test in enumerate(tests or (), 1)]
    return Life(database, await submission_rows.add(database, owner=owner, tests=json.dumps(filled) if tests else None))
