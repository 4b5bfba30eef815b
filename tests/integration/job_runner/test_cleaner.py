import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from job_runner.emails.mailers.files import FileMailer
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.output_keys import output_key
from shared.common.service.errors import ObjectNotFound
from shared.records.jobe.files import key_of, put_file
from shared.records.resources.remove import remove_rows
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.mails import MAILER
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import add, end, make_job, request


async def add_finished(database: Database, store: LocalStore, *, age_days: int) -> int:
    """Add a submission with its mailed result and its two files; return its job's id."""
    upload = await add(database, created_at=str(datetime.now(UTC) - timedelta(days=age_days)))
    await request(database, upload)
    job = await make_job(database, upload)
    await end(database, job, output_key=f"results/{job}")
    await execute(database, "UPDATE uploads SET object_key = :key WHERE id = :id", key=f"{job}.py", id=upload)
    await execute(
        database,
        "INSERT INTO emails (job, upload, kind, status) VALUES (:job, :upload, 'result', 'sent')",
        job=job,
        upload=upload,
    )
    await store.put(f"{job}.py", b"source")
    await store.put(f"results/{job}", b"output")
    return job


async def test_old_submissions_go_with_all_their_data(database: Database, store: LocalStore) -> None:
    old, young = await add_finished(database, store, age_days=31), await add_finished(database, store, age_days=29)
    assert await Cleaner(database, store, MAILER, days=30).run_once() == 1
    assert [row["id"] for row in await fetch(database, "SELECT id FROM job")] == [young]
    for table in ("uploads", "results", "emails"):
        assert len(await fetch(database, f"SELECT id FROM {table}")) == 1
    for key in (f"{old}.py", f"results/{old}"):
        with pytest.raises(ObjectNotFound):
            await store.get(key)
    assert await store.get(f"results/{young}") == b"output"
    # The id of what has gone is kept.
    [left] = await fetch(database, "SELECT min(id) AS id FROM uploads")
    assert await fetch(database, "SELECT id, objects FROM deleted_uploads") == [{"id": left["id"] - 1, "objects": None}]


@pytest.mark.parametrize(
    "how", ["attempt = 2", "crashes = 1", "crashed_at = now()", "status = 'cancelled'", "status = 'failed'"]
)
async def test_uncommitted_outputs_are_deleted_with_their_job(database: Database, store: LocalStore, how: str) -> None:
    job = await add_finished(database, store, age_days=31)
    await execute(database, f"UPDATE job SET {how}")
    orphan, other = output_key(job, 1, UUID(int=1)), output_key(job * 10, 1, UUID(int=1))
    await store.put(orphan, b"not committed")
    await store.put(other, b"another job's")
    assert await Cleaner(database, store, MAILER, days=30).run_once() == 1
    with pytest.raises(ObjectNotFound):
        await store.get(orphan)
    assert await store.get(other) == b"another job's"


async def test_old_mails_in_files_go_and_other_files_stay(
    database: Database, store: LocalStore, tmp_path: Path
) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    for name, days in (("old.eml", 31), ("young.eml", 29), ("notes.txt", 400)):
        (folder / name).touch()
        os.utime(folder / name, (0, time.time() - days * 86_400))
    await Cleaner(database, store, FileMailer(folder, MAILER._sender), days=30).run_once()
    assert sorted(os.listdir(folder)) == ["notes.txt", "young.eml"]


async def test_old_dead_letters_go_and_messages_that_wait_stay(database: Database, store: LocalStore) -> None:
    await execute(
        database,
        "INSERT INTO outbox (queue, body, failure, failed_at, created_at) VALUES"
        " ('emails', 'old', 'x', now() - interval '31 days', now() - interval '31 days'),"
        " ('emails', 'young', 'x', now() - interval '29 days', now() - interval '31 days'),"
        " ('emails', 'waits', NULL, NULL, now() - interval '31 days')",
    )
    await Cleaner(database, store, MAILER, days=30).run_once()
    assert await fetch(database, "SELECT body FROM outbox ORDER BY id") == [{"body": "young"}, {"body": "waits"}]


async def test_without_a_retention_only_spent_budgets_go(database: Database, store: LocalStore) -> None:
    await add_finished(database, store, age_days=400)
    await execute(
        database,
        "INSERT INTO budgets (subject, used_until)"
        " VALUES ('spent', now() - interval '1 s'), ('used', now() + interval '1 h')",
    )
    assert await Cleaner(database, store, MAILER, days=0).run_once() == 0
    assert len(await fetch(database, "SELECT id FROM job")) == 1
    assert [row["subject"] for row in await fetch(database, "SELECT subject FROM budgets")] == ["used"]


async def test_old_events_of_mailgun_are_removed(database: Database, store: LocalStore) -> None:
    await execute(
        database,
        "INSERT INTO mailgun_events (token, created_at)"
        " VALUES ('old', now() - interval '25 hours'), ('young', now() - interval '23 hours')",
    )
    await Cleaner(database, store, MAILER, days=0).run_once()
    assert await fetch(database, "SELECT token FROM mailgun_events") == [{"token": "young"}]


@pytest.mark.parametrize(
    "under_way",
    [
        "UPDATE uploads SET request_id = gen_random_uuid()",
        "UPDATE job SET status = 'none-executed'",
        "UPDATE job SET status = 'executing'",
        "UPDATE emails SET status = 'queued'",
        "INSERT INTO webhooks (upload, type, url) SELECT id, 'submission.finished', 'http://a.example/' FROM uploads",
        """WITH one AS (INSERT INTO batches (finished_at) VALUES (now()) RETURNING id),
            member AS (UPDATE uploads SET batch = one.id FROM one)
            INSERT INTO emails (kind, batch) SELECT 'digest', id FROM one""",
        # Its digest is still to be written.
        "WITH one AS (INSERT INTO batches DEFAULT VALUES RETURNING id) UPDATE uploads SET batch = one.id FROM one",
    ],
)
async def test_work_under_way_is_never_deleted(database: Database, store: LocalStore, under_way: str) -> None:
    await add_finished(database, store, age_days=400)
    await execute(database, under_way)
    assert await Cleaner(database, store, MAILER, days=30).run_once() == 0
    assert len(await fetch(database, "SELECT id FROM job")) == 1


async def test_two_cleaners_do_not_get_in_each_others_way(database: Database, store: LocalStore) -> None:
    for _ in range(30):
        await add_finished(database, store, age_days=31)
    cleaners = [Cleaner(database, store, MAILER, days=30) for _ in range(3)]
    assert sum(await asyncio.gather(*(cleaner.run_once() for cleaner in cleaners))) == 30
    assert await fetch(database, "SELECT id FROM uploads") == []


async def test_objects_that_a_crash_has_left_are_removed(database: Database, store: LocalStore) -> None:
    await store.put("7.py", b"source")
    await store.put("results/9-1-ab.txt", b"output")
    await execute(database, "INSERT INTO deleted_uploads VALUES (7, '{7.py,results/9-*}'), (8, '{8.py}')")
    await Cleaner(database, store, MAILER, days=0).run_once()
    for key in ("7.py", "results/9-1-ab.txt"):
        with pytest.raises(ObjectNotFound):
            await store.get(key)
    assert await fetch(database, "SELECT id FROM deleted_uploads WHERE objects IS NOT NULL") == []


async def test_old_batches_go_with_their_last_submission(database: Database, store: LocalStore) -> None:
    await execute(
        database,
        "INSERT INTO batches (id, created_at) VALUES (1, now() - interval '31 days'), (2, now() - interval '31 days'),"
        " (3, now())",
    )
    await execute(
        database, "INSERT INTO emails (kind, batch, status) VALUES ('digest', 1, 'sent'), ('digest', 2, 'sent')"
    )
    await execute(database, "INSERT INTO webhooks (batch, type, url, status) VALUES (1, 'batch.finished', '', 'gone')")
    await execute(database, "INSERT INTO uploads (batch) VALUES (2)")
    await Cleaner(database, store, MAILER, days=30).run_once()
    assert await fetch(database, "SELECT id FROM batches ORDER BY id") == [{"id": 2}, {"id": 3}]
    assert await fetch(database, "SELECT batch FROM emails") == [{"batch": 2}]
    assert await fetch(database, "SELECT id FROM webhooks") == []


@pytest.mark.parametrize(
    "under_way",
    [
        "INSERT INTO emails (kind, batch, status) VALUES ('digest', 1, 'queued')",
        "INSERT INTO emails (kind, batch, status) VALUES ('digest', 1, 'sending')",
        "INSERT INTO webhooks (batch, type, url) VALUES (1, 'batch.finished', 'http://a.example/')",
    ],
)
async def test_a_batch_stays_until_its_mails_and_webhook_have_left(
    database: Database, store: LocalStore, under_way: str
) -> None:
    """P3: the outage of a provider may be longer than the retention."""
    await execute(database, "INSERT INTO batches (id, created_at) VALUES (1, now() - interval '31 days')")
    await execute(database, under_way)
    await Cleaner(database, store, MAILER, days=30).run_once()
    assert len(await fetch(database, "SELECT batch FROM emails UNION ALL SELECT batch FROM webhooks")) == 1
    assert await fetch(database, "SELECT id FROM batches") == [{"id": 1}]


async def test_a_removal_reads_no_other_submissions(database: Database) -> None:
    """P7: however many are stored."""
    await execute(database, "INSERT INTO uploads (email) SELECT 'a' FROM generate_series(1, 2000)")
    await execute(database, "INSERT INTO job (upload, status) SELECT id, 'executed' FROM uploads")
    await execute(database, "INSERT INTO results (job, upload) SELECT id, upload FROM job")
    await execute(
        database,
        "INSERT INTO emails (job, upload, kind, recipient, subject, text, html, message_id)"
        " SELECT id, upload, 'result', 'a', '', '', '', id FROM job",
    )
    await execute(database, "ANALYZE")
    [upload] = await fetch(database, "SELECT min(id) AS id FROM uploads")
    async with database.transaction() as connection:
        await remove_rows(connection, [int(upload["id"])])
        read = await connection.fetch_all(
            "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0 ORDER BY relname"
        )
    assert [row["relname"] for row in read] == []


async def test_files_of_jobes_clients_go_when_nobody_uses_them(database: Database, store: LocalStore) -> None:
    cleaner = Cleaner(database, store, MAILER, days=0)
    for id_, content in (("old", b"a"), ("young", b"b"), ("same", b"a")):
        await put_file(owner_of(database), store, 1, id_, content, max_bytes=1000)
    await execute(database, "UPDATE jobe_files SET used_at = now() - interval '74 hours' WHERE id = 'old'")
    await execute(database, "UPDATE jobe_files SET used_at = now() - interval '71 hours' WHERE id = 'same'")
    await store.put(key_of("0" * 64), b"left by a crash")
    await cleaner.run_once()
    assert [row["id"] for row in await fetch(database, "SELECT id FROM jobe_files ORDER BY id")] == ["same", "young"]
    assert len([name async for names in store.keys("jobe") for name in names]) == 2
    await execute(database, "UPDATE jobe_files SET used_at = now() - interval '74 hours' WHERE id = 'same'")
    await cleaner.run_once()
    assert len([name async for names in store.keys("jobe") for name in names]) == 1
