"""`POST /v1/submissions/{id}/runs`: a run with its own input, and what is refused."""

import json

import httpx
import pytest

from api_service.problems import Kind
from shared.database.connection import Database
from tests.integration.api_service.v1.conftest import PUBLIC_URL
from tests.integration.rows import fetch, offer
from tests.integration.submission_rows import add, add_finished

pytestmark = pytest.mark.integration

BOUNDS = dict.fromkeys(("cpu_s", "wall_s", "memory_bytes", "output_bytes", "processes"), 60)
TESTS = json.dumps([{"name": "1", "stdin": "", "hidden": False, "points": 1}])


async def test_a_run_with_its_own_input(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database, compiled=False, limits=BOUNDS)
    upload = await add_finished(database)
    path = f"/v1/submissions/{upload}/runs"
    override = {"stdin": "5", "args": ["-x"], "limits": {"cpu_s": 3}}
    answer = await api.post(path, json=override)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{PUBLIC_URL}{path}/2")
    assert (answer.json()["number"], answer.json()["state"]) == (2, "queued")
    [row] = await fetch(database, "SELECT override, runs FROM uploads")
    assert (json.loads(str(row["override"])), row["runs"]) == (override, 2)
    assert len(await fetch(database, "SELECT id FROM outbox")) == 1
    refused = await api.post(path)
    assert (refused.status_code, refused.headers["Content-Type"]) == (409, "application/problem+json")
    assert refused.json()["type"] == Kind.UNDER_WAY.url(PUBLIC_URL)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"stdin": null, "args": null, "limits": {}}'])
async def test_a_run_as_before(api: httpx.AsyncClient, database: Database, body: bytes) -> None:
    upload = await add(database)
    headers = {"Content-Type": "application/json"} if body else {}
    answer = await api.post(f"/v1/submissions/{upload}/runs", content=body, headers=headers)
    assert (answer.status_code, answer.json()["number"]) == (202, 1)
    assert await fetch(database, "SELECT override FROM uploads") == [{"override": "{}"}]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"stdin": 1}, "/stdin"),
        ({"stdin": "x" * 20_001}, "/stdin"),
        ({"stdin": "\0"}, "/stdin"),
        ({"args": "x"}, "/args"),
        ({"args": ["x"] * 257}, "/args"),
        ({"limits": {"cpu_s": 61}}, "/limits/cpu_s"),
        ({"limits": {"cpu_s": 0}}, "/limits/cpu_s"),
        ({"limits": {"colour": 1}}, "/limits/colour"),
        ({"tests": []}, "/tests"),
        ([], ""),
    ],
)
async def test_a_bad_body_is_refused(api: httpx.AsyncClient, database: Database, body: object, pointer: str) -> None:
    await offer(database, compiled=False, limits=BOUNDS)
    upload = await add(database)
    answer = await api.post(f"/v1/submissions/{upload}/runs", json=body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert (await api.post("/v1/submissions/999/runs", json=body)).status_code == 404
    assert await fetch(database, "SELECT id FROM outbox") == []


async def test_with_tests_only_the_limits_change(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database, compiled=False, limits=BOUNDS)
    path = f"/v1/submissions/{await add(database, tests=TESTS)}/runs"
    answer = await api.post(path, json={"stdin": "", "args": []})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/stdin", "/args"]
    assert (await api.post(path, json={"limits": {"wall_s": 3}})).status_code == 202


async def test_a_foreign_engine_runs_it_only_as_before(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database)
    path = f"/v1/submissions/{await add(database)}/runs"
    answer = await api.post(path, json={"stdin": "5"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/stdin"]
    assert (await api.post(path, json={})).status_code == 202


async def test_a_repeat_requests_one_run(api: httpx.AsyncClient, database: Database) -> None:
    path = f"/v1/submissions/{await add(database)}/runs"
    first = await api.post(path, headers={"Idempotency-Key": "one"})
    again = await api.post(path, headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code, again.content) == (202, 202, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await fetch(database, "SELECT runs FROM uploads") == [{"runs": 1}]
