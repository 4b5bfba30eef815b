"""Cancelling, with the API's rights in the database."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from api_service.submissions.cancel import cancel
from queue_consumer.jobs import JobMaker
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.base import ObjectStore
from tests.fixtures.postgres import owner_of
from tests.integration.rows import add_upload, execute, fetch, insert, notified
from tests.waiting import eventually

STATE = "SELECT request_id, outcome, verdict, runs FROM uploads WHERE id = :id"
CANCELLED = {"request_id": None, "outcome": "cancelled", "verdict": None}


async def add_queued(database: Database, store: ObjectStore, **columns: Any) -> int:
    """Add a submission whose job waits."""
    upload, request = await add_requested(database, store, **columns)
    await JobMaker(owner_of(database), store).make(str(upload).encode(), request)
    return upload


async def add_requested(database: Database, store: ObjectStore, **columns: Any) -> tuple[int, str]:
    """Add a submission whose request the consumer has not seen; return its id and the request's."""
    request = uuid4()
    await store.put("p.py", b"print(1)")
    return await add_upload(database, object_key="p.py", request_id=request, **columns), str(request)


async def test_a_request_without_a_job_is_cancelled_for_good(database: Database, store: ObjectStore) -> None:
    upload, request = await add_requested(database, store, runs=2)
    assert await cancel(database, [upload]) == [upload]
    assert await fetch(database, STATE, id=upload) == [{**CANCELLED, "runs": 2}]
    # The message comes later.
    assert await JobMaker(owner_of(database), store).make(str(upload).encode(), request) is None
    assert await fetch(database, "SELECT status, number, finished_at IS NOT NULL AS is_over FROM job") == [
        {"status": "cancelled", "number": 2, "is_over": True}
    ]
    assert await fetch(database, STATE, id=upload) == [{**CANCELLED, "runs": 2}]


async def test_a_waiting_job_is_cancelled_and_notified(database: Database, store: ObjectStore) -> None:
    await execute(database, "INSERT INTO batches (id) VALUES (9)")
    upload = await add_queued(database, store, batch=9, webhook_url="https://example.com/")
    async with (
        notified(database, channels.SUBMISSIONS) as submissions,
        notified(database, channels.BATCHES) as batches,
        notified(database, channels.WEBHOOKS) as webhooks,
        notified(database, channels.CANCELLATIONS) as cancellations,
    ):
        assert await cancel(database, [upload]) == [upload]
        await eventually(lambda: (submissions, batches, webhooks) == ([str(upload)], ["9"], [""]))
    assert cancellations == []
    assert await fetch(database, "SELECT status FROM job") == [{"status": "cancelled"}]


async def test_a_cancelled_job_loses_its_lease_and_is_notified(database: Database, store: ObjectStore) -> None:
    upload, lease = await add_queued(database, store), uuid4()
    await execute(
        database, "UPDATE job SET status = 'executing', lease_id = :lease, lease_expires_at = now()", lease=lease
    )
    async with notified(database, channels.CANCELLATIONS) as cancellations:
        assert await cancel(database, [upload]) == [upload]
        await eventually(lambda: cancellations == [str(lease)])
    assert await fetch(database, "SELECT status, lease_id, lease_expires_at FROM job") == [
        {"status": "cancelled", "lease_id": None, "lease_expires_at": None}
    ]


async def test_a_receiver_that_is_gone_gets_no_webhook(database: Database, store: ObjectStore) -> None:
    upload = await add_queued(database, store, webhook_url="https://example.com/")
    url = "https://example.com/"
    await insert(database, "webhooks", upload=upload, type="submission.finished", url=url, status="gone")
    await cancel(database, [upload])
    assert len(await fetch(database, "SELECT FROM webhooks")) == 1


async def test_several_are_cancelled_together_or_not_at_all(database: Database, store: ObjectStore) -> None:
    held, over = await add_upload(database), await add_upload(database, outcome="finished")
    requested, _ = await add_requested(database, store)
    queued = await add_queued(database, store)

    async def fail(connection: Connection) -> None:
        raise ValueError("the answer is not kept")

    with pytest.raises(ValueError, match="not kept"):
        await cancel(database, [queued, requested, over, held], fail)
    assert await fetch(database, "SELECT id FROM uploads WHERE outcome = 'cancelled'") == []
    assert sorted(await cancel(database, [queued, requested, over, held])) == sorted([queued, requested, held])


async def test_cancels_consumers_and_claims_meet_without_a_deadlock(
    database: Database, store: ObjectStore, other_databases: list[Database]
) -> None:
    """A cancelled submission has at most one job, which never runs. Any of the three may be first."""
    requests = [await add_requested(database, store) for _ in range(40)]
    maker = JobMaker(other_databases[0], store)

    async def make_all() -> None:
        for start in range(0, len(requests), 5):
            await maker.make_all([(str(upload).encode(), request) for upload, request in requests[start : start + 5]])

    async def claim_all() -> None:
        for _ in range(10):
            await execute(
                other_databases[1],
                "WITH taken AS (SELECT id FROM job WHERE status = 'none-executed' ORDER BY id LIMIT 5"
                " FOR UPDATE SKIP LOCKED) UPDATE job SET status = 'executing', lease_id = gen_random_uuid()"
                " FROM taken WHERE job.id = taken.id",
            )
            await asyncio.sleep(0.01)

    cancelled: list[list[int]] = []

    async def cancel_all() -> None:
        for upload, _ in requests:
            cancelled.append(await cancel(database, [upload]))

    await asyncio.gather(make_all(), claim_all(), cancel_all(), make_all())
    assert [upload for one in cancelled for upload in one] == [upload for upload, _ in requests]
    assert await fetch(database, "SELECT status, count(*) AS jobs FROM job GROUP BY status") == [
        {"status": "cancelled", "jobs": 40}
    ]
