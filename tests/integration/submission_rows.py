"""Submissions, requests, jobs and results, as the services write them for API v1."""

import uuid

from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from tests.integration.rows import execute, fetch, insert_upload


async def add(database: Database, **columns: object) -> int:
    """Add a submission as API v1 does."""
    values: dict[str, object] = {
        "email": "a@example.com",
        "language": "py",
        "filename": "main.py",
        "spec": {"args": ["-v"], "limits": {"cpu_s": 2}, "checker": {"kind": "exact"}, "locale": "fa"},
        "files": [{"path": "main.py", "size_bytes": 8}, {"path": "a/b.txt", "size_bytes": 3}],
        "metadata": {"course": "c1"},
        **columns,
    }
    return await insert_upload(database, **values)


async def request(database: Database, upload: int) -> uuid.UUID:
    request_id = uuid.uuid4()
    await execute(
        database,
        "UPDATE uploads SET request_id = :request, requested_at = now(), runs = runs + 1, outcome = NULL,"
        " verdict = NULL WHERE id = :id",
        request=request_id,
        id=upload,
    )
    return request_id


async def make_job(database: Database, upload: int, status: str = "none-executed", **columns: object) -> int:
    """Add the job of the latest request."""
    extra = "".join(f", {name}" for name in columns)
    values = "".join(f", :{name}" for name in columns)
    [row] = await fetch(
        database,
        f"INSERT INTO job (upload, job, status, request_id, number, requested_at, owner{extra})"
        f" SELECT id, '{{}}', :status, request_id, runs, requested_at, coalesce(owner, 0){values} FROM uploads"
        " WHERE id = :id RETURNING id",
        id=upload,
        status=status,
        **columns,
    )
    return int(row["id"])


async def end(database: Database, job: int, status: str = "executed", **result: object) -> None:
    """End a job as a runner does; `result` are the columns of `results`."""
    outcome = {"executed": "finished"}.get(status, status)
    await execute(
        database,
        "WITH ended AS (UPDATE job SET status = :status, attempt = 1, started_at = now() - interval '2 s',"
        " finished_at = now(), job = CASE :status WHEN 'executed' THEN NULL ELSE job END"
        " WHERE id = :id RETURNING upload)"
        " UPDATE uploads SET request_id = NULL, outcome = :outcome, verdict = CAST(:verdict AS text) FROM ended"
        " WHERE uploads.id = upload",
        id=job,
        status=status,
        outcome=outcome,
        verdict=result.get("verdict"),
    )
    if status == "executed":
        names = "".join(f", {name}" for name in result)
        values = "".join(f", :{name}" for name in result)
        await execute(
            database,
            f"INSERT INTO results (job, upload{names}) SELECT id, upload{values} FROM job WHERE id = :id",
            id=job,
            **result,
        )


async def notify(database: Database, upload: int) -> None:
    """Wake what waits for the submission, as a runner does at its end."""
    await execute(database, "SELECT pg_notify(:channel, :id)", channel=channels.SUBMISSIONS, id=str(upload))


async def add_finished(database: Database, **columns: object) -> int:
    """Add a submission that has run well."""
    upload = await add(database, **columns)
    await request(database, upload)
    await end(database, await make_job(database, upload), verdict="ok", output="1\n", stderr="")
    return upload
