"""Rows for integration tests, as the services would write them; written by the owner of the schema."""

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.common.service.errors import DatabaseUnavailable
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import owner_of


async def make_key(database: Database, *scopes: Scope, recipients: Collection[str] | None = None) -> str:
    async with owner_of(database).transaction() as connection:
        _, key = await api_keys.create(connection, "test", scopes, recipients)
    return key


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def add_upload(database: Database, *, request_id: uuid.UUID | None = None, **columns: object) -> int:
    """Add a classic submission, with one run if it has a `request_id`."""
    email = f"someone-{random.randrange(10**9)}@example.com"
    usual = {"email": email, "inputs": "in", "language": "python", "enable": 0, "runs": int(request_id is not None)}
    return await insert_upload(database, **{**usual, "request_id": request_id, **columns})


async def insert_upload(database: Database, **columns: object) -> int:
    """Add a submission with these columns, of which those with JSON may be texts of it."""
    json_columns = ("spec", "files", "metadata", "tests", "override")
    row = {
        name: json.loads(value) if name in json_columns and isinstance(value, str) else value
        for name, value in columns.items()
    }
    names = ", ".join(row)
    [added] = await fetch(
        database,
        f"INSERT INTO uploads ({names}) SELECT {names} FROM jsonb_populate_record(NULL::uploads, :row) RETURNING id",
        row=json.dumps(row, default=lambda value: f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)),
    )
    return int(added["id"])


async def add_job(
    database: Database,
    *,
    contents: str = "print(1)",
    inputs: str = "in",
    language: str = "python",
    owner: int = 0,
    filename: str | None = None,
) -> int:
    """Add a requested upload and its job; return the job's id."""
    request_id = uuid.uuid4()
    upload = await add_upload(database, language=language, request_id=request_id, filename=filename)
    [row] = await fetch(
        database,
        "INSERT INTO job (upload, job, request_id, owner) VALUES (:upload, :job, :request_id, :owner)"
        " RETURNING id, pg_notify(:channel, '')",
        upload=upload,
        job=json.dumps({"language": language, "inputs": inputs, "contents": contents}, ensure_ascii=False),
        request_id=request_id,
        owner=owner,
        channel=channels.JOBS,
    )
    return int(row["id"])


@asynccontextmanager
async def notified(database: Database, channel: str) -> AsyncIterator[list[str]]:
    """Yield the payloads of the notifications on the channel, as they arrive."""
    payloads: list[str] = []
    listening = asyncio.Event()

    def note(payload: str) -> None:
        if listening.is_set():
            payloads.append(payload)
        listening.set()

    async with database.listen(channel, note):
        await listening.wait()
        yield payloads


async def fetch(database: Database, sql: str, **values: object) -> list[dict[str, Any]]:
    async with owner_of(database).transaction() as connection:
        return [dict(row) for row in await connection.fetch_all(sql, values or None)]


async def execute(database: Database, sql: str, **values: object) -> None:
    async with owner_of(database).transaction() as connection:
        await connection.execute(sql, values or None)


async def insert(database: Database, table: str, **columns: object) -> dict[str, Any]:
    """Add a row with these columns, and return the whole row."""
    names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    [row] = await fetch(database, f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *", **columns)
    return row


async def add_executed(database: Database, **columns: Any) -> tuple[int, int]:
    """Add a classic submission with a result; return its id and its job's."""
    columns = {"email": "someone@example.com", "outcome": "finished", **columns}
    upload = await add_upload(database, **columns)
    job: int = (await insert(database, "job", upload=upload, status="executed"))["id"]
    await insert(database, "results", job=job, upload=upload, verdict="ok")
    return upload, job


async def somebody_waits(database: Database) -> bool:
    """Return True if a transaction of this role waits for a lock. It looks outside the transaction of its caller."""

    async def look() -> bool:
        async with database.connection() as connection:
            waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            return bool(await connection.fetch_all(waiting))

    return await asyncio.create_task(look())


async def offer(database: Database, language: str = "py", **details: Any) -> None:
    """Offer a language, as a runner reports it. Each limit in `details` that is a number is the highest one."""
    limits = details.get("limits") or {}
    bounds = {name: {"default": 1, "max": one} if isinstance(one, int) else one for name, one in limits.items()}
    text = json.dumps({"language": language, "info": "1.0", **details, **({"limits": bounds} if bounds else {})})
    await execute(
        database,
        "INSERT INTO languages (code, info, seen_at, details) VALUES (:code, '1.0', now(), CAST(:details AS jsonb))",
        code=language,
        details=text,
    )


class Outage:
    """Refuses all contacts with the database while `is_on`, and counts them."""

    def __init__(self, database: Database, patch: pytest.MonkeyPatch) -> None:
        self.is_on, self.refused, self._acquired = False, 0, database._acquired
        patch.setattr(database, "_acquired", self._acquire)

    @asynccontextmanager
    async def _acquire(self) -> AsyncIterator[Any]:
        if self.is_on:
            self.refused += 1
            raise DatabaseUnavailable("it is away")
        async with self._acquired() as raw:
            yield raw
