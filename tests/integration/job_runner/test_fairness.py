"""Senders are served in turn: many of one do not delay the few of another."""

import uuid

import pytest

from job_runner import claim
from queue_consumer.jobs import JobMaker
from shared.database import Database
from tests.fixtures.postgres import owner_of
from tests.integration.queue_consumer.test_jobs import FakeStore
from tests.integration.rows import add_upload

pytestmark = pytest.mark.integration


async def make_jobs(database: Database, email: str, count: int) -> None:
    store = FakeStore()
    store.objects["p.py"] = b"x"
    for _ in range(count):
        request = uuid.uuid4()
        upload = await add_upload(database, email=email, object_key="p.py", request_id=request)
        assert await JobMaker(owner_of(database), store).make(str(upload).encode(), str(request)) is not None


async def serve(database: Database, count: int) -> list[str]:
    """Whose the next jobs are, one claim at a time."""
    served: list[str] = []
    for _ in range(count):
        async with database.transaction() as connection:
            served += [job.recipient for job in await claim.claim(connection, limit=1, lease_seconds=30)]
    return [email.split("@")[0] for email in served]


async def test_a_single_job_is_not_delayed_by_anothers_many(database: Database) -> None:
    await make_jobs(database, "many@example.com", 20)
    await make_jobs(database, "few@example.com", 1)
    assert "few" in await serve(database, 2)


async def test_senders_alternate_and_nobody_starves(database: Database) -> None:
    await make_jobs(database, "a@example.com", 6)
    assert await serve(database, 2) == ["a", "a"]
    await make_jobs(database, "b@example.com", 4)
    await make_jobs(database, "c@example.com", 4)
    order = await serve(database, 12)
    assert all(set(order[n : n + 3]) == {"a", "b", "c"} for n in range(0, 12, 3)), order


async def test_a_newcomer_does_not_overtake_those_who_waited(database: Database) -> None:
    await make_jobs(database, "a@example.com", 10)
    await serve(database, 8)
    # The floor has risen to a's ninth turn: the newcomer's many share from here, and do not go all before it.
    await make_jobs(database, "b@example.com", 10)
    assert await serve(database, 4) in (["a", "b", "a", "b"], ["a", "b", "b", "a"])
