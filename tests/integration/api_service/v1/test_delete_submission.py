"""`DELETE /v1/submissions/{id}`: everything of the submission goes, also after a crash in between."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from job_runner.emails.mailers.files import FileMailer
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import ObjectNotFound, StoreUnavailable
from tests.integration.rows import execute, fetch, insert
from tests.integration.submission_rows import add, end, make_job, request

TABLES = ("uploads", "job", "results", "test_results", "emails", "webhooks")


async def add_with_everything(database: Database, store: LocalStore, **columns: Any) -> int:
    """Add a submission with two runs, rows in each table and three objects."""
    upload = await add(database, object_key="x.py", webhook_url="https://example.com/", **columns)
    await execute(database, "UPDATE uploads SET object_key = id || '.py' WHERE id = :id", id=upload)
    await store.put(f"{upload}.py", b"print(1)")
    for number in (1, 2):
        await request(database, upload)
        job = await make_job(database, upload)
        key = f"results/{job}-2-abcd.txt"
        await end(database, job, verdict="ok", output="1\n", stderr="", output_key=key)
        await store.put(key, b"1\n")
        await store.put(f"results/{job}-1-abcd.txt", b"of an attempt that was lost")
        await execute(database, "UPDATE job SET attempt = 2 WHERE id = :job", job=job)
        await insert(database, "test_results", job=job, number=1, attempt=1, verdict="ok", stdout=b"", stderr=b"")
        await insert(database, "emails", job=job, upload=upload, kind="result", status="queued")
        await insert(database, "emails", job=job, kind="failure", status="sent")
        url = "https://e.org"
        await insert(database, "webhooks", upload=upload, run=number, type="submission.finished", url=url)
    return upload


async def rows_of(database: Database) -> dict[str, int]:
    return {table: int(str((await fetch(database, f"SELECT count(*) AS n FROM {table}"))[0]["n"])) for table in TABLES}


def objects_of(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "objects")) for path in tmp_path.rglob("*.*") if path.is_file())


async def test_everything_of_a_submission_is_deleted(
    api: httpx.AsyncClient, database: Database, store: LocalStore, tmp_path: Path
) -> None:
    other = await add_with_everything(database, store)
    rows, objects = await rows_of(database), objects_of(tmp_path)
    upload = await add_with_everything(database, store)
    assert len(objects_of(tmp_path)) == 2 * len(objects) == 10
    answer = await api.delete(f"/v1/submissions/{upload}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await rows_of(database), objects_of(tmp_path)) == (rows, objects)
    assert await fetch(database, "SELECT id, objects FROM deleted_uploads") == [{"id": upload, "objects": None}]
    for call in (api.get, api.delete):
        assert (await call(f"/v1/submissions/{upload}")).status_code == 404
    assert (await api.get(f"/v1/submissions/{other}")).status_code == 200


async def test_the_cleaner_removes_what_a_failure_left(
    api: httpx.AsyncClient,
    database: Database,
    runner: Database,
    store: LocalStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = await add_with_everything(database, store)

    async def fail(key: str) -> None:
        raise StoreUnavailable("it is down")

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", lambda self, key: fail(key))
        assert (await api.delete(f"/v1/submissions/{upload}")).status_code == 204
    assert len(objects_of(tmp_path)) == 5
    await Cleaner(runner, store, FileMailer(tmp_path, None), days=0).run_once()  # type: ignore[arg-type]
    assert objects_of(tmp_path) == []
    assert await fetch(database, "SELECT id FROM deleted_uploads WHERE objects IS NOT NULL") == []
    with pytest.raises(ObjectNotFound):
        await store.get(f"{upload}.py")


async def test_a_deletion_and_a_request_exclude_each_other(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    """If both come at the same time, one wins. No request of a deleted submission stays."""
    for _ in range(10):
        upload = await add_with_everything(database, store)
        path = f"/v1/submissions/{upload}"
        deleted, run = await asyncio.gather(api.delete(path), api.post(f"{path}/runs"))
        assert (deleted.status_code, run.status_code) in {(204, 404), (409, 202)}
        left = await fetch(database, "SELECT request_id FROM uploads WHERE id = :id", id=upload)
        assert (len(left) == 0) == (deleted.status_code == 204)
    waiting = await add(database)
    await request(database, waiting)
    assert (await api.delete(f"/v1/submissions/{waiting}")).status_code == 409


async def test_a_batch_is_deleted_with_its_submissions_and_digests(
    api: httpx.AsyncClient, database: Database, store: LocalStore, tmp_path: Path
) -> None:
    await insert(database, "batches", id=7)
    first = await add_with_everything(database, store, batch=7)
    await add_with_everything(database, store, batch=7, email="b@example.com")
    for recipient, status in (("a@example.com", "sent"), ("B@example.com", "queued")):
        await insert(database, "emails", kind="digest", batch=7, recipient=recipient, status=status)
    assert (await api.delete("/v1/batches/7")).status_code == 409
    await execute(database, "UPDATE batches SET finished_at = now()")
    # A digest goes with the last submission of its address.
    assert (await api.delete(f"/v1/submissions/{first}")).status_code == 204
    [left] = await fetch(database, "SELECT recipient FROM emails WHERE kind = 'digest'")
    assert left == {"recipient": "B@example.com"}
    assert (await api.delete("/v1/batches/7")).status_code == 204
    assert (set((await rows_of(database)).values()), objects_of(tmp_path)) == ({0}, [])
    for call in (api.get, api.delete):
        assert (await call("/v1/batches/7")).status_code == 404


_CHECK = """
    WITH problem AS (INSERT INTO problems (name) VALUES ('sum')),
    version AS (
        INSERT INTO problem_versions (problem, version, digest, package_bytes, size_bytes, manifest, summary, tests)
        VALUES ('sum', 1, '', 0, 0, '{}', '{}', '[]') RETURNING id
    )
    INSERT INTO problem_checks (version, batch, plan, phase) SELECT id, 7, '{}', 1 FROM version
"""


@pytest.mark.parametrize("under_way", ["UPDATE uploads SET request_id = gen_random_uuid()", _CHECK])
async def test_a_batch_with_a_run_under_way_is_kept(api: httpx.AsyncClient, database: Database, under_way: str) -> None:
    await execute(database, "INSERT INTO batches (id, finished_at) VALUES (7, now())")
    await add(database, batch=7)
    await execute(database, under_way)
    answer = await api.delete("/v1/batches/7")
    assert answer.status_code == 409
    assert "this batch is under way" in answer.json()["detail"]
    assert (await api.get("/v1/batches/7")).json()["total"] == 1
