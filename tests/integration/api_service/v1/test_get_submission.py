"""`GET /v1/submissions/{id}`: its body, its ETag and its waits; and the runs."""

import asyncio
import json
import time

import httpx
import pytest

from api_service.relay import Relay
from api_service.watcher import Watcher
from shared.api_keys import Scope
from shared.database.connection import Database
from shared.storage.base import ObjectStore
from shared.storage.signing import LinkSigner
from tests.integration.api_service.conftest import client_of
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key, app_of, make_key
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import add, add_finished, end, make_job, notify, request
from tests.waiting import eventually

pytestmark = pytest.mark.integration


async def test_a_submission_is_shown(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add_finished(database)
    answer = await api.get(f"/v1/submissions/{upload}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    shown = answer.json()
    assert (shown["id"], shown["state"], shown["verdict"], shown["run"]["stdout"]) == (upload, "finished", "ok", "1\n")
    assert shown["links"]["self"] == f"{PUBLIC_URL}/v1/submissions/{upload}"


@pytest.mark.parametrize("path", ["0", "-1", "x", "01", "1.0", "9" * 30, "999", "1%00"])
async def test_an_unknown_id_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    for tail in ("", "/runs", "/runs/1"):
        answer = await api.get(f"/v1/submissions/{path}{tail}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_an_unknown_parameter_comes_after_an_unknown_id(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    for tail in ("", "/runs", "/runs/1"):
        assert (await api.get(f"/v1/submissions/999{tail}?x=1")).status_code == 404
        answer = await api.get(f"/v1/submissions/{upload}{tail}?x=1")
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "x")


async def test_the_etag_changes_with_the_body(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    path = f"/v1/submissions/{upload}"
    tag = (await api.get(path)).headers["ETag"]
    assert tag.startswith('W/"')
    for header in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        answer = await api.get(path, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert (await api.get(path, headers={"If-None-Match": '"x", W/"y", nonsense'})).status_code == 200
    await request(database, upload)
    answer = await api.get(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["ETag"] == tag) == (200, False)


async def end_when_awaited(database: Database, upload: int, watcher: Watcher) -> None:
    await eventually(lambda: str(upload) in watcher._submissions._events, what="a request waits")
    [row] = await fetch(database, "SELECT id FROM job WHERE upload = :id", id=upload)
    await end(database, int(str(row["id"])), verdict="ok", output="", stderr="")
    await notify(database, upload)


@pytest.mark.parametrize(
    ("query", "headers", "applied"),
    [
        ("?wait=50", {}, None),
        ("", {"Prefer": "wait=50"}, "wait=50"),
        ("", {"Prefer": 'respond-async, Wait="100"; x=y'}, "wait=60"),
        ("?wait=50", {"Prefer": "wait=0"}, None),
    ],
)
async def test_an_answer_waits_for_the_result(
    waiting_api: httpx.AsyncClient,
    database: Database,
    watcher: Watcher,
    query: str,
    headers: dict[str, str],
    applied: str | None,
) -> None:
    upload = await add(database)
    await request(database, upload)
    await make_job(database, upload)
    path = f"/v1/submissions/{upload}"
    tag = (await waiting_api.get(path)).headers["ETag"]
    started = time.monotonic()
    ending = asyncio.create_task(end_when_awaited(database, upload, watcher))
    answer = await waiting_api.get(path + query, headers={**headers, "If-None-Match": tag})
    await ending
    assert time.monotonic() - started < 40
    assert (answer.status_code, answer.json()["state"]) == (200, "finished")
    assert answer.headers.get("Preference-Applied") == applied


@pytest.mark.parametrize("header", ["wait=x", "wait=-1", "wait", "wait=1.5", "wait=x, wait=10", "x=wait=10", "", ",;"])
async def test_a_bad_preference_is_ignored(waiting_api: httpx.AsyncClient, database: Database, header: str) -> None:
    upload = await add(database)
    await request(database, upload)
    answer = await asyncio.wait_for(waiting_api.get(f"/v1/submissions/{upload}", headers={"Prefer": header}), 8)
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert "Preference-Applied" not in answer.headers


async def test_a_long_preference_counts_as_60(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    for seconds in ("61", f"{10**20}"):
        answer = await api.get(f"/v1/submissions/{upload}", headers={"Prefer": f"wait={seconds}"})
        assert answer.headers["Preference-Applied"] == "wait=60"


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5", "", "1e1"])
async def test_a_bad_wait_is_refused(api: httpx.AsyncClient, database: Database, wait: str) -> None:
    upload = await add(database)
    answer = await api.get(f"/v1/submissions/{upload}?wait={wait}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "wait")


async def test_a_wait_ends_with_its_time(waiting_api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    await request(database, upload)
    path = f"/v1/submissions/{upload}"
    started = time.monotonic()
    answer = await waiting_api.get(f"{path}?wait=1")
    assert 1 <= time.monotonic() - started < 20
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")


async def test_nothing_waits_for_what_is_held_or_final(waiting_api: httpx.AsyncClient, database: Database) -> None:
    for upload in (await add(database), await add_finished(database)):
        await asyncio.wait_for(waiting_api.get(f"/v1/submissions/{upload}?wait=60"), 20)
    assert (await asyncio.wait_for(waiting_api.get("/v1/submissions/999?wait=60"), 20)).status_code == 404


async def test_a_key_may_wait_a_few_times_at_once(
    waiting_api: httpx.AsyncClient, database: Database, watcher: Watcher, alice: Key, mallory: Key
) -> None:
    upload = await add(database, owner=alice.id)
    await request(database, upload)
    await make_job(database, upload)
    path = f"/v1/submissions/{upload}"
    waits = [asyncio.create_task(waiting_api.get(f"{path}?wait=50", headers=alice.headers)) for _ in range(2)]
    count = app_of(waiting_api).state.services.waits._held
    await eventually(lambda: count[alice.id] == 2, what="both requests wait")
    refused = await waiting_api.get(f"{path}?wait=50", headers=alice.headers)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert (await waiting_api.get(path, headers=alice.headers)).status_code == 200
    other = await add(database, owner=mallory.id)
    await request(database, other)
    answer = await waiting_api.get(f"/v1/submissions/{other}?wait=1", headers=mallory.headers)
    assert answer.status_code == 200
    await end_when_awaited(database, upload, watcher)
    assert [(await wait).status_code for wait in waits] == [200, 200]
    assert (await waiting_api.get(f"{path}?wait=1", headers=alice.headers)).status_code == 200


async def test_a_post_that_may_not_wait_stores_nothing(
    waiting_api: httpx.AsyncClient, database: Database, alice: Key
) -> None:
    upload = await add(database, owner=alice.id)
    await request(database, upload)
    path = f"/v1/submissions/{upload}?wait=2"
    waits = [asyncio.create_task(waiting_api.get(path, headers=alice.headers)) for _ in range(2)]
    waiting = app_of(waiting_api).state.services.waits._held
    await eventually(lambda: waiting[alice.id] == 2)
    body = {"language": "py", "source": "print(1)"}
    refused = await waiting_api.post("/v1/submissions?wait=2", json=body, headers=alice.headers)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert len(await fetch(database, "SELECT id FROM uploads")) == 1
    assert [(await wait).status_code for wait in waits] == [200, 200]


async def test_the_runs_of_a_submission(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add_finished(database)
    assert (await api.get(f"/v1/submissions/{await add(database)}/runs")).json() == {"items": [], "next": None}
    await request(database, upload)
    listed = (await api.get(f"/v1/submissions/{upload}/runs")).json()
    assert [(run["number"], run["state"], run["stdout"]) for run in listed["items"]] == [
        (2, "queued", None),
        (1, "finished", None),
    ]
    assert listed["next"] is None
    first = (await api.get(f"/v1/submissions/{upload}/runs/1")).json()
    assert (first["number"], first["stdout"], first["verdict"]) == (1, "1\n", "ok")
    assert (await api.get(f"/v1/submissions/{upload}/runs/2")).json()["state"] == "queued"
    for number in ("3", "0", "x", "9" * 12):
        assert (await api.get(f"/v1/submissions/{upload}/runs/{number}")).status_code == 404


async def test_a_page_of_runs_leads_to_the_next(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.v1.routes.runs.PAGE_ITEMS", 2)
    upload = await add_finished(database)
    for _ in range(3):
        await request(database, upload)
        await end(database, await make_job(database, upload), verdict="ok")
    path = f"/v1/submissions/{upload}/runs"
    answer = await api.get(f"{path}/")
    first = answer.json()
    assert [run["number"] for run in first["items"]] == [4, 3]
    assert answer.headers["Link"] == f'<{PUBLIC_URL}{path}?cursor={first["next"]}>; rel="next"'
    await request(database, upload)
    last = (await api.get(path, params={"cursor": first["next"]})).json()
    assert ([run["number"] for run in last["items"]], last["next"]) == ([2, 1], None)
    assert [run["number"] for run in (await api.get(path)).json()["items"]][:2] == [5, 4]
    for wrong in ("x", "0", "-1", "1.5", str(1 << 63)):
        refused = await api.get(path, params={"cursor": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "cursor")


async def test_a_key_needs_the_scope_to_read(api: httpx.AsyncClient, database: Database) -> None:
    submitter = await make_key(database, "submitter", Scope.SUBMIT)
    upload = await add(database, owner=submitter.id)
    for path in (f"/v1/submissions/{upload}", "/v1/submissions", f"/v1/submissions/{upload}/runs"):
        assert (await api.get(path, headers=submitter.headers)).status_code == 403
        assert (await api.get(path)).status_code == 401


async def test_outputs_of_many_tests_are_bounded_together(
    database: Database, store: ObjectStore, relay: Relay, signer: LinkSigner
) -> None:
    tests = json.dumps([{"name": str(n), "stdin": "", "hidden": False, "points": 1} for n in range(4)])
    upload = await add(database, tests=tests)
    await request(database, upload)
    job = await make_job(database, upload)
    await execute(
        database,
        "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr)"
        " SELECT :job, n, 1, 'ok', 1, CAST(repeat('x', 65536) AS bytea), '' FROM generate_series(1, 4) AS n",
        job=job,
    )
    path = f"/v1/submissions/{upload}"
    for most, status in ((3 * 4 * 65536, 200), (3 * 4 * 65536 - 1, 503)):
        async with client_of(database, store, relay, signer, large_answers_bytes=most) as client:
            for _ in range(3):  # an answer releases the memory that it holds
                for each in (path, f"{path}/runs/1"):
                    assert (await client.get(each)).status_code == status
            assert (await client.get(f"{path}/output?test=1")).status_code == 200
