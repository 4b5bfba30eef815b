"""`GET /v1/submissions`: filters, pages, and the rows that are read for them."""

import asyncio
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api_service.v1.reads import pages
from api_service.v1.reads.pages import ListQuery
from shared.adapters.database.connection import Connection, Database, RawConnection, Record, Values
from tests.fixtures.postgres import owner_of
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key
from tests.integration.plans import nodes_of, rows_read
from tests.integration.rows import add_upload, execute, fetch
from tests.integration.submission_rows import add, add_finished, end, make_job, request
from tests.waiting import eventually

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Explaining(Connection):
    """Notes the rows that each statement reads, also rows that it leaves out, and its plan."""

    def __init__(self, raw: RawConnection, read: list[tuple[float, str]]) -> None:
        super().__init__(raw)
        self._read = read

    async def fetch_all(self, sql: str, values: Values | None = None) -> list[Record]:
        await self._explain(sql, values)
        return await super().fetch_all(sql, values)

    async def fetch_one(self, sql: str, values: Values | None = None) -> Record | None:
        await self._explain(sql, values)
        return await super().fetch_one(sql, values)

    async def _explain(self, sql: str, values: Values | None) -> None:
        [row] = await super().fetch_all(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        plan = str(row["QUERY PLAN"])
        self._read.append((rows_read(nodes_of(plan)), f"{sql}\n{plan}"))


async def ids(api: httpx.AsyncClient, key: Key | None = None, **query: object) -> list[int]:
    """Return the ids on all pages, by following `Link`."""
    found: list[int] = []
    url = "/v1/submissions"
    parameters: dict[str, Any] | None = {name.replace("metadata_", "metadata."): value for name, value in query.items()}
    while True:
        answer = await api.get(url, params=parameters, headers=key.headers if key else None)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [item["id"] for item in page["items"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        assert (page["next"] is None) == (link is None)
        if link is None:
            return found
        assert link[1].startswith(f"{PUBLIC_URL}/v1/submissions?")
        url, parameters = link[1].removeprefix(PUBLIC_URL), None


async def add_many(database: Database, count: int, *, of: Iterable[int | None] = (None,), **columns: object) -> None:
    """Add that many finished submissions of each owner, a second apart from noon on."""
    row = {"email": "a@example.com", "language": "py", "outcome": "finished", "verdict": "ok", "runs": 1, **columns}
    for owner in of:
        await execute(
            database,
            f"INSERT INTO uploads ({', '.join(row)}, owner, created_at)"
            f" SELECT {', '.join(row)}, CAST(:owner AS bigint), CAST(:noon AS timestamptz) + n * interval '1 s'"
            " FROM jsonb_populate_record(NULL::uploads, CAST(:row AS jsonb)), generate_series(1, CAST(:n AS int)) AS n",
            row=json.dumps(row),
            owner=owner,
            noon=NOON,
            n=count,
        )


async def test_the_newest_come_first_and_then_the_largest_id(api: httpx.AsyncClient, database: Database) -> None:
    uploads = [await add(database) for _ in range(4)]
    await execute(database, "UPDATE uploads SET created_at = :noon", noon=NOON)
    await execute(database, "UPDATE uploads SET created_at = now() WHERE id = :id", id=uploads[1])
    expected = [uploads[1], uploads[3], uploads[2], uploads[0]]
    assert await ids(api) == expected
    assert await ids(api, limit=1) == expected


async def test_every_filter(api: httpx.AsyncClient, database: Database) -> None:
    metadata = json.dumps({"course": "c2", "group": "g"})
    await execute(database, "INSERT INTO batches (id) VALUES (3)")
    held = await add(database)
    address = await add(database, email="B@example.com")
    language = await add_upload(database, language="C++")
    course = await add(database, metadata=metadata)
    batch = await add(database, batch=3)
    cancelled = await add(database, outcome="cancelled")
    ok = await add_finished(database)
    queued, running, failed, wrong = [await add(database) for _ in range(4)]
    for upload in (queued, running, failed, wrong):
        await request(database, upload)
    await make_job(database, queued)
    await make_job(database, running, "executing")
    await end(database, await make_job(database, failed), "failed")
    await end(database, await make_job(database, wrong), verdict="wrong_answer", output="", stderr="")
    assert await ids(api, email="b@EXAMPLE.com") == [address]
    assert await ids(api, language="cpp") == await ids(api, language="c++") == [language]
    assert await ids(api, language="klingon") == []
    assert await ids(api, metadata_course="c2") == await ids(api, metadata_course="c2", metadata_group="g") == [course]
    assert await ids(api, metadata_course="c2", metadata_group="h") == []
    assert await ids(api, batch=3) == [batch]
    assert await ids(api, batch=4) == []
    assert await ids(api, state="held") == [batch, course, language, address, held]
    assert await ids(api, state="held", language="C++") == [language]
    assert await ids(api, state="queued") == [queued]
    assert await ids(api, state="running") == [running]
    assert await ids(api, state="failed") == [failed]
    assert await ids(api, state="cancelled") == [cancelled]
    assert await ids(api, state="finished") == [wrong, ok]
    assert await ids(api, verdict="wrong_answer") == await ids(api, state="finished", verdict="wrong_answer") == [wrong]
    assert await ids(api, state="failed", verdict="ok") == []
    assert await ids(api, state="finished", email="a@example.com", metadata_course="c1", language="py") == [wrong, ok]
    created = (await api.get(f"/v1/submissions/{course}")).json()["created_at"]
    assert await ids(api, created_after=created, state="held") == [batch]
    assert await ids(api, created_before=created) == [language, address, held]
    assert await ids(api, created_after="0001-01-01T00:00:00+14:00", batch=3) == [batch]
    assert await ids(api, created_before="9999-12-31T23:59:59-14:00", batch=3) == [batch]


async def test_a_key_finds_its_own_by_every_filter(
    api: httpx.AsyncClient, database: Database, alice: Key, mallory: Key, admin: Key
) -> None:
    """The same rows of three owners: every page of every filter has only those of the key."""
    await execute(database, "INSERT INTO batches (id) VALUES (3)")
    for outcome, verdict in (("finished", "ok"), ("finished", "time_limit"), ("finished", None), ("failed", None)):
        await add_many(
            database,
            3,
            of=(alice.id, mallory.id, None),
            metadata={"course": "c1"},
            batch=3,
            outcome=outcome,
            verdict=verdict,
        )
    rows = await fetch(database, "SELECT id, owner, outcome, verdict FROM uploads ORDER BY created_at DESC, id DESC")
    for query, wanted in (
        ({}, lambda row: True),
        ({"email": "a@example.com"}, lambda row: True),
        ({"metadata_course": "c1"}, lambda row: True),
        ({"language": "py"}, lambda row: True),
        ({"batch": 3}, lambda row: True),
        ({"created_after": "2000-01-01T00:00:00Z"}, lambda row: True),
        ({"created_before": "2100-01-01T00:00:00Z"}, lambda row: True),
        ({"state": "finished"}, lambda row: row["outcome"] == "finished"),
        ({"state": "failed"}, lambda row: row["outcome"] == "failed"),
        ({"verdict": "ok"}, lambda row: row["verdict"] == "ok"),
        ({"email": "a@example.com", "verdict": "ok", "metadata_course": "c1"}, lambda row: row["verdict"] == "ok"),
        ({"state": "held"}, lambda row: False),
    ):
        for key, owners in ((alice, [alice.id]), (mallory, [mallory.id]), (admin, [alice.id, mallory.id, None])):
            expected = [row["id"] for row in rows if row["owner"] in owners and wanted(row)]
            assert await ids(api, key, limit=3, **query) == expected, (query, key)


async def test_a_number_beyond_its_bound_is_a_number(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"/v1/submissions?batch={'9' * 30}")
    assert answer.json()["errors"] == [{"parameter": "batch", "detail": "It must be at most 9223372036854775807."}]


@pytest.fixture
async def many(database: Database, alice: Key, mallory: Key) -> None:
    await add_many(database, 10_000, of=(alice.id, mallory.id, None), metadata={"course": "c1"})
    await add_many(database, 2, of=(alice.id,), email="rare@example.com", metadata={"course": "rare"})
    await add_many(database, 2, of=(alice.id,), outcome="failed", verdict=None)
    # What is rare under this key is common under others.
    for rare in ({"outcome": "failed", "verdict": None}, {"outcome": None, "verdict": None}, {"verdict": "time_limit"}):
        await add_many(database, 3_000, of=(mallory.id,), **rare)
    await execute(database, "ANALYZE uploads")


#: The filters that have an index, with rows and without. The others may read all submissions of the key.
QUERIES: list[dict[str, Any]] = [
    {}, {"email": "a@example.com"}, {"email": "rare@example.com"}, {"state": "held"}, {"state": "queued"},
    {"state": "running"}, {"state": "finished"}, {"state": "failed"}, {"state": "cancelled"}, {"verdict": "ok"},
    {"verdict": "time_limit"}, {"state": "finished", "verdict": "ok"}, {"batch": 1}, {"language": "py"},
    {"metadata": {"course": "c1"}}, {"metadata": {"course": "rare"}}, {"email": "a@example.com", "state": "failed"},
]  # fmt: skip


@pytest.mark.usefixtures("many")
async def test_a_page_reads_few_rows(database: Database, alice: Key) -> None:
    """No filter with an index reads much of the 39,000 rows."""
    read: list[tuple[float, str]] = []
    async with database.connection() as inner:
        connection = Explaining(inner._raw, read)
        for query in QUERIES:
            for position in (None, pages.ListPosition(NOON + timedelta(seconds=7_000), 1 << 60)):
                await pages.find(connection, ListQuery(**query), owner=alice.id, after=position)
    for rows, text in read:
        assert rows <= 500, text


async def test_a_list_that_takes_too_long_says_how_to_narrow_it(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(connection: Connection, *_: object, **__: object) -> None:
        await connection.execute("DO $$ BEGIN RAISE EXCEPTION 'too slow' USING ERRCODE = '57014'; END $$")

    monkeypatch.setattr(pages, "find", cancelled)
    answer = await api.get("/v1/submissions?language=lua")
    assert (answer.status_code, "created_after" in answer.json()["detail"]) == (503, True)


async def test_lists_of_a_key_hold_one_connection(
    api: httpx.AsyncClient, database: Database, alice: Key, mallory: Key
) -> None:
    def listed(key: Key) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(api.get("/v1/submissions", headers=key.headers))

    async with owner_of(database).transaction() as connection:
        await connection.execute("LOCK TABLE uploads")
        lists = [listed(alice) for _ in range(5)]
        await eventually(lambda: database.connections()["busy"] == 1)
        lists.append(listed(mallory))
        await eventually(lambda: database.connections()["busy"] == 2)
        for _ in range(5):  # meanwhile the others would take connections of their own
            assert (await api.get("/v1/usage", headers=mallory.headers)).status_code == 200
        assert database.connections()["busy"] == 2
    assert {answer.status_code for answer in await asyncio.gather(*lists)} == {200}
