"""`GET /check_user/` in pages, in parts, and in bounded memory."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from api_service.access.principal import Principal
from api_service.http.errors import ApiError
from api_service.limits.holds import memory
from api_service.submissions.classic_list import _WEIGHTS, MAX_TEXT, ClassicList, ClassicListQuery
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.records.accounts.api_keys import Scope
from tests.integration.plans import plan_of
from tests.integration.rows import execute, fetch

EMAIL = "a@example.com"
OPERATOR = Principal(None, frozenset(Scope))


async def add(
    database: Database, count: int, *, output: str | None = None, error: str | None = None, job: str | None = "{}"
) -> None:
    """Add that many executed submissions with the same texts, with ids from 1 on."""
    await execute(
        database,
        "INSERT INTO uploads (id, email, language, inputs, object_key)"
        " SELECT n, :email, 'py', 'in', n || '.py' FROM generate_series(1, CAST(:count AS int)) AS n",
        email=EMAIL,
        count=count,
    )
    await execute(
        database,
        "INSERT INTO job (id, upload, job, status) SELECT id, id, CAST(:job AS text), 'executed' FROM uploads",
        job=job,
    )
    await execute(
        database,
        "INSERT INTO results (job, upload, output, error, output_key)"
        " SELECT id, id, CAST(:output AS text), CAST(:error AS text), 'results/' || id FROM uploads",
        output=output,
        error=error,
    )


async def listed(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get("/check_user/", params={"email": EMAIL, **query})
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["result"]
    return result


async def ids(api: httpx.AsyncClient, **query: Any) -> list[int]:
    return [row["id"] for row in await listed(api, **query)]


async def test_the_newest_thousand_come_and_the_others_by_page(api: httpx.AsyncClient, database: Database) -> None:
    await add(database, 1003)
    assert await ids(api) == await ids(api, limit=1000) == list(range(4, 1004))
    assert await ids(api, before=4) == [1, 2, 3]
    assert await ids(api, before=1) == []
    assert await ids(api, before=151, limit=100) == list(range(51, 151))
    assert await ids(api, limit=3) == [1001, 1002, 1003]


async def test_one_submission_is_found_by_its_id(api: httpx.AsyncClient, database: Database) -> None:
    await add(database, 3)
    assert await ids(api, id=2) == [2]
    assert await ids(api, id=4) == []
    assert (await api.get("/check_user/?email=b@example.com&id=2")).json() == {"result": []}


async def test_an_address_is_found_in_any_case_and_kept_as_sent(api: httpx.AsyncClient, database: Database) -> None:
    # Domains as the original system stored them; ours are in lower case.
    spellings = ["Alice@Example.COM", "alice@example.com", "ALICE@example.com", "alice@example.org"]
    for email in spellings:
        await execute(database, "INSERT INTO uploads (email) VALUES (:email)", email=email)
    for email in ("alice@example.com", "Alice@EXAMPLE.com", "aLICE@Example.COM"):
        assert len((await api.get("/check_user/", params={"email": email})).json()["result"]) == 3
    kept = await fetch(database, "SELECT email FROM uploads ORDER BY id")
    assert [row["email"] for row in kept] == spellings


@pytest.mark.parametrize(("visible", "owner", "rows"), [("true", {}, 20), ("u.owner = :owner", {"owner": 1}, 1)])
async def test_rows_of_other_addresses_and_keys_are_not_read(
    database: Database, visible: str, owner: dict[str, int], rows: int
) -> None:
    await execute(database, "INSERT INTO api_keys (id, name, sha256) VALUES (1, 'course', 'x'), (2, 'other', 'y')")
    await execute(
        database,
        "INSERT INTO uploads (email, owner) SELECT 'Sender' || n % 1000 || '@example.com', CASE WHEN n > 1000 THEN 2"
        " ELSE 1 END FROM generate_series(1, 20000) AS n",
    )
    await execute(database, "ANALYZE uploads")
    query = {"email": "sENDER7@example.com", "id": None, "before": None, "limit": 1000, "most": 1}
    weights = _WEIGHTS.format(visible=visible)
    nodes = await plan_of(database, weights, **query, **owner)
    # A bitmap scan has two nodes, one for the index and one for the table.
    scans = [node for node in nodes if str(node.get("Index Name", node.get("Relation Name"))).startswith("uploads")]
    assert any("lower(" in scan.get("Index Cond", "") for scan in scans)
    assert {scan["Actual Rows"] for scan in scans} == {rows}
    assert all("Rows Removed by Filter" not in scan for scan in scans)


@pytest.mark.parametrize("letter", ["a", "\x01", "ب", "\N{GRINNING FACE}"])
async def test_long_texts_are_cut_at_whole_characters(api: httpx.AsyncClient, database: Database, letter: str) -> None:
    await add(database, 1, output="x" + letter * MAX_TEXT, error="y" + letter * MAX_TEXT, job=letter * 70_000)
    [row] = await listed(api)
    whole = (MAX_TEXT - 1) // len(letter.encode())
    assert (row["output"], row["error"]) == ("x" + letter * whole, "y" + letter * whole)
    assert row["job"] == letter * (MAX_TEXT // len(letter.encode()))
    assert sorted(row["shortened"]) == ["error", "job", "output"]
    assert "/files/results/1?" in row["filelink"]


async def test_a_text_that_fits_is_whole(api: httpx.AsyncClient, database: Database) -> None:
    await add(database, 1, output="x" * MAX_TEXT, error="")
    [row] = await listed(api)
    assert (row["output"], row["error"], row["shortened"], row["delay"]) == ("x" * MAX_TEXT, "", [], None)


@pytest.mark.parametrize("cleared", [None, ""])
async def test_a_cleared_job_is_still_listed(
    api: httpx.AsyncClient, database: Database, store: LocalStore, cleared: str | None
) -> None:
    await add(database, 3, job=cleared)
    await store.put("1.py", "print('سلام')".encode())
    await store.put("2.py", b"x" * MAX_TEXT)
    whole, long, gone = await listed(api)
    assert json.loads(whole["job"]) == {"language": "py", "inputs": "in", "contents": "print('سلام')"}
    assert (whole["shortened"], long["shortened"]) == ([], ["job"])
    assert len(json.loads(long["job"])["contents"]) == MAX_TEXT // 2
    assert json.loads(gone["job"]) == {"language": "py", "inputs": "in", "contents": None}
    assert gone["shortened"] == ["job"]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
async def test_the_time_of_a_result_has_its_zone(api: httpx.AsyncClient, database: Database, kind: str) -> None:
    """A database of the original that was taken over may have times without a zone."""
    await add(database, 1)
    await execute(database, f"ALTER TABLE results ALTER COLUMN execute_date TYPE {kind} USING '2026-01-31 12:00:00'")
    [row] = await listed(api)
    assert row["execute_date"] == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("status", "error", "delay"),
    [
        ("none-executed", None, "the machine was overloaded; the program is run again"),
        ("executing", None, "the machine was overloaded; the program is run again"),
        ("failed", "the machine was overloaded", None),
    ],
)
async def test_a_job_that_is_run_again_says_why_it_takes_longer(
    api: httpx.AsyncClient, database: Database, status: str, error: str | None, delay: str | None
) -> None:
    await add(database, 1)
    await execute(database, "DELETE FROM results")
    await execute(database, "UPDATE job SET status = :status, failure = 'the machine was overloaded'", status=status)
    [row] = await listed(api)
    assert (row["status"], row["error"], row["delay"]) == (status, error, delay)


async def test_the_size_of_a_piece_is_bounded(database: Database, store: LocalStore) -> None:
    await add(database, 20, output="\x01" * (1 << 20), error="\x01" * (1 << 20))
    classic_list = ClassicList(database, store, memory(8 << 20, "Lists"))
    sizes = [len(piece) async for piece in classic_list.pieces(OPERATOR, ClassicListQuery(email=EMAIL))]
    assert sum(sizes) > 20 * 2 * 6 * MAX_TEXT
    assert max(sizes) < 2 << 20


async def test_light_rows_come_in_one_piece(database: Database, store: LocalStore) -> None:
    await add(database, 100)
    classic_list = ClassicList(database, store, memory(8 << 20, "Lists"))
    assert len([piece async for piece in classic_list.pieces(OPERATOR, ClassicListQuery(email=EMAIL))]) == 2


async def test_a_slow_reader_holds_no_connection_to_the_database(database: Database, store: LocalStore) -> None:
    await add(database, 20, output="x" * (1 << 20))
    classic_list = ClassicList(database, store, memory(64 << 20, "Lists"))
    readers = [classic_list.pieces(OPERATOR, ClassicListQuery(email=EMAIL)) for _ in range(20)]
    for reader in readers:
        await anext(reader)
    assert database.connections()["busy"] == 0
    for reader in readers:
        await reader.aclose()


async def test_heavy_lists_share_a_bounded_memory(database: Database, store: LocalStore) -> None:
    await add(database, 4, output="x" * (1 << 20))
    await execute(database, "INSERT INTO uploads (id, email) VALUES (100, 'light@example.com')")
    classic_list = ClassicList(database, store, memory((1 << 20) + 64, "Lists"))
    other = Principal(7, frozenset({Scope.ADMIN}))
    heavy = [classic_list.pieces(OPERATOR, ClassicListQuery(email=EMAIL)) for _ in range(3)]
    await anext(heavy[0])
    await anext(heavy[1])
    with pytest.raises(ApiError) as refused:
        await anext(heavy[2])
    assert refused.value.kind.status == 503
    assert refused.value.headers
    await anext(classic_list.pieces(other, ClassicListQuery(email=EMAIL)))
    assert [piece async for piece in classic_list.pieces(OPERATOR, ClassicListQuery(email="light@example.com"))]
    await heavy[0].aclose()
    await anext(classic_list.pieces(OPERATOR, ClassicListQuery(email=EMAIL)))
    await asyncio.gather(*(reader.aclose() for reader in heavy))
