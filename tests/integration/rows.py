"""Rows for integration tests, as the services would write them; written by the owner of the schema."""

import json
import random
import uuid

from shared import channels
from shared.database.connection import Database
from tests.fixtures.postgres import owner_of


async def add_upload(
    database: Database,
    *,
    email: str | None = None,
    language: str = "python",
    enable: int = 0,
    object_key: str | None = None,
    sha256: str | None = None,
    request_id: uuid.UUID | None = None,
    owner: int | None = None,
    filename: str | None = None,
) -> int:
    async with owner_of(database).transaction() as connection:
        row = await connection.fetch_one(
            "INSERT INTO uploads (email, inputs, language, enable, object_key, sha256, request_id, owner, filename)"
            " VALUES (:email, 'in', :language, :enable, :object_key, :sha256, :request_id, :owner, :filename)"
            " RETURNING id",
            {
                "email": email or f"someone-{random.randrange(10**9)}@example.com",
                "language": language,
                "enable": enable,
                "object_key": object_key,
                "sha256": sha256,
                "request_id": request_id,
                "owner": owner,
                "filename": filename,
            },
        )
    assert row is not None
    return int(row["id"])


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
    job = json.dumps({"language": language, "inputs": inputs, "contents": contents}, ensure_ascii=False)
    async with owner_of(database).transaction() as connection:
        row = await connection.fetch_one(
            "INSERT INTO job (upload, job, request_id, owner) VALUES (:upload, :job, :request_id, :owner) RETURNING id",
            {"upload": upload, "job": job, "request_id": request_id, "owner": owner},
        )
        await connection.execute("SELECT pg_notify(:channel, '')", {"channel": channels.JOBS})
    assert row is not None
    return int(row["id"])


async def fetch(database: Database, sql: str, **values: object) -> list[dict[str, object]]:
    async with owner_of(database).transaction() as connection:
        return [dict(row) for row in await connection.fetch_all(sql, values or None)]


async def execute(database: Database, sql: str, **values: object) -> None:
    async with owner_of(database).transaction() as connection:
        await connection.execute(sql, values or None)
