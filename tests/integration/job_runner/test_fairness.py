"""Keys are served in turn, and so are the senders within a key: many jobs of one do not delay few of another."""

import asyncio
import uuid
from collections import Counter

import pytest

from job_runner.leases import claim
from queue_consumer.jobs import _INSERT_JOBS
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.records.accounts import api_keys
from shared.records.accounts.api_keys import Scope
from tests.fixtures.postgres import owner_of
from tests.integration.fake_store import FakeStore, maker_of
from tests.integration.plans import plan_of
from tests.integration.rows import add_upload, execute, fetch


async def make_key(database: Database) -> int:
    async with owner_of(database).transaction() as connection:
        key, _ = await api_keys.create(connection, "test", [Scope.SUBMIT])
    return key


async def make_jobs(database: Database, email: str, count: int, key: int | None = None) -> None:
    store = FakeStore()
    store.objects["p.py"] = b"x"
    for _ in range(count):
        request = uuid.uuid4()
        upload = await add_upload(database, email=email, object_key="p.py", request_id=request, owner=key)
        assert await maker_of(owner_of(database), store).make(str(upload).encode(), str(request)) is not None


async def serve(database: Database, count: int, *, at_once: int = 1) -> list[str]:
    """Claim a number of times, and return the jobs' owners in order."""
    served: list[str] = []
    for _ in range(count):
        async with database.transaction() as connection:
            served += [job.recipient for job in await claim.claim(connection, limit=at_once, lease_seconds=30)]
    return [email.split("@")[0] for email in served]


async def test_senders_alternate_and_none_starves(database: Database) -> None:
    await make_jobs(database, "a@example.com", 6)
    assert await serve(database, 2) == ["a", "a"]
    await make_jobs(database, "b@example.com", 4)
    await make_jobs(database, "c@example.com", 4)
    order = await serve(database, 12)
    assert all(set(order[n : n + 3]) == {"a", "b", "c"} for n in range(0, 12, 3)), order


async def test_a_newcomer_does_not_overtake_those_who_waited(database: Database) -> None:
    await make_jobs(database, "a@example.com", 10)
    await serve(database, 8)
    # The floor has risen to a's ninth turn: the newcomer's jobs share from here, and do not all go first.
    await make_jobs(database, "b@example.com", 10)
    assert await serve(database, 4) in (["a", "b", "a", "b"], ["a", "b", "b", "a"])


async def test_many_addresses_give_a_key_no_further_turns(database: Database) -> None:
    greedy, honest = await make_key(database), await make_key(database)
    for number in range(40):
        await make_jobs(database, f"g{number}@example.com", 2, greedy)
    await serve(database, 3)
    await make_jobs(database, "honest@example.com", 4, honest)
    order = await serve(database, 8)
    assert "honest" in order[:2]
    assert order.count("honest") == 4


async def test_the_senders_of_a_key_alternate_beside_other_keys(database: Database) -> None:
    one, other = await make_key(database), await make_key(database)
    for sender in "abc":
        await make_jobs(database, f"{sender}@example.com", 4, one)
    await make_jobs(database, "other@example.com", 12, other)
    order = await serve(database, 24)
    assert all("other" in order[n : n + 2] for n in range(0, 24, 2)), order
    of_one = [sender for sender in order if sender != "other"]
    assert all(sorted(of_one[n : n + 3]) == ["a", "b", "c"] for n in range(0, 12, 3)), order


async def test_many_claims_at_once_share_alike(database: Database) -> None:
    greedy, honest = await make_key(database), await make_key(database)
    for number in range(10):
        await make_jobs(database, f"g{number}@example.com", 3, greedy)
    await make_jobs(database, "honest@example.com", 30, honest)
    claims = [asyncio.create_task(serve(database, 1, at_once=5)) for _ in range(4)]
    served = Counter(sender[0] for each in await asyncio.gather(*claims) for sender in each)
    assert served.total() == 20
    # A claim skips the rows that others hold, so a turn may be passed over. The next claims make up for it.
    passed_over = """
        SELECT FROM job WHERE status = 'none-executed'
            AND turn <= (SELECT max(turn) FROM job WHERE status = 'executing')
    """
    while await fetch(database, passed_over):
        served.update(sender[0] for sender in await serve(database, 1))
    assert abs(served["g"] - served["h"]) <= 1, served
    assert served.total() < 60
    rest = await serve(database, 8, at_once=5)
    assert served.total() + len(rest) == 60
    assert await fetch(database, "SELECT id FROM job WHERE status = 'none-executed' OR attempt != 1") == []


async def test_claims_neither_create_nor_lose_turns(database: Database) -> None:
    keys = [await make_key(database) for _ in range(3)]
    for number in range(30):
        await make_jobs(database, f"{number // 9}@example.com", 1, keys[number % 3])
    turns = "SELECT owner, turn FROM job ORDER BY owner, turn"
    before = await fetch(database, turns)
    for at_once in (1, 4, 7):
        await serve(database, 1, at_once=at_once)
        assert await fetch(database, turns) == before
    # No later turn of any key was served, and no later place within a key.
    [row] = await fetch(
        database,
        """
        SELECT count(*) FILTER (WHERE later.turn < served.turn) AS turns,
            count(*) FILTER (WHERE later.owner = served.owner AND later.place < served.place) AS places
        FROM job AS served, job AS later WHERE served.status = 'executing' AND later.status = 'none-executed'
        """,
    )
    assert row == {"turns": 0, "places": 0}


async def test_a_job_that_comes_back_has_its_turn_again(database: Database) -> None:
    key = await make_key(database)
    for sender in "abc":
        await make_jobs(database, f"{sender}@example.com", 3, key)
    async with database.transaction() as connection:
        [_, second] = await claim.claim(connection, limit=2, lease_seconds=30)
        await claim.release(connection, second.lease_id)
    async with database.transaction() as connection:
        [again] = await claim.claim(connection, limit=1, lease_seconds=30)
    assert again.id == second.id


async def test_a_job_that_is_not_due_delays_no_other(database: Database) -> None:
    one, other = await make_key(database), await make_key(database)
    await make_jobs(database, "a@example.com", 2, one)
    await make_jobs(database, "b@example.com", 1, one)
    await make_jobs(database, "c@example.com", 1, other)
    await execute(database, "UPDATE job SET run_after = now() + interval '1 hour' WHERE sender LIKE 'a@%'")
    assert sorted(await serve(database, 1, at_once=4)) == ["b", "c"]


_WAITING = """
    INSERT INTO uploads (email, owner) SELECT 'g' || n % 40 || '@example.com', :key FROM generate_series(1, 100000) AS n
"""
_JOBS = """
    INSERT INTO job (upload, job, request_id, owner, sender, turn, place)
    SELECT id, '{}', gen_random_uuid(), owner, email,
        row_number() OVER (PARTITION BY owner ORDER BY email, id) - 1,
        row_number() OVER (PARTITION BY owner, email ORDER BY id) - 1
    FROM uploads
"""


@pytest.mark.slow
async def test_a_claim_from_a_long_queue_reads_few_rows(database: Database) -> None:
    greedy, honest = await make_key(database), await make_key(database)
    await execute(database, _WAITING, key=greedy)
    await execute(database, _JOBS)
    await execute(database, "ANALYZE job")
    await make_jobs(database, "honest@example.com", 1, honest)
    assert "honest" in await serve(database, 2)
    order = await serve(database, 1, at_once=40)
    assert len(set(order)) >= 39
    upload = await add_upload(database, email="honest@example.com", owner=honest)
    insertion = {
        "uploads": [upload],
        "ids": [uuid.uuid4()],
        "sources": [b"x"],
        "stop_reasons": [None],
        "senders": [None],
        "jobs": channels.JOBS,
        "submissions": channels.SUBMISSIONS,
    }
    lease = {"lease_seconds": 30.0, "pause": 5.0}
    for sql, values, most in (
        (claim._CLAIM, {**lease, "limit": 10}, 100),
        (claim._CLAIM_FOR_RESERVED_SLOT, {**lease, "busy": [greedy]}, claim._FRONT),
        (_INSERT_JOBS, insertion, 100),
    ):
        nodes = await plan_of(database, sql, **values)
        scans = [node for node in nodes if node.get("Relation Name") == "job" and "Scan" in node["Node Type"]]
        assert len(scans) >= 3
        # `test_results` is empty here. A claim deletes from it what an earlier attempt has left.
        filled = [node for node in nodes if node.get("Relation Name") != "test_results"]
        assert "Seq Scan" not in {node["Node Type"] for node in filled}
        assert max(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= most
