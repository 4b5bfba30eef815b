"""`GET /v1/submissions/{id}`: its body, its ETag and its waits; and the runs."""

import asyncio
import json

import httpx
import pytest

from api_service.events.notifications import Notifications
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key, app_of, note_while_sent
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import add, add_finished, end, make_job, notify, request
from tests.waiting import eventually


async def end_when_awaited(database: Database, upload: int, notifications: Notifications) -> None:
    await eventually(lambda: (channels.SUBMISSIONS, str(upload)) in notifications._events, what="a request waits")
    [row] = await fetch(database, "SELECT id FROM job WHERE upload = :id", id=upload)
    await end(database, int(str(row["id"])), verdict="ok", output="", stderr="")
    await notify(database, upload)


async def test_a_key_may_wait_a_few_times_at_once(
    waiting_api: httpx.AsyncClient, database: Database, notifications: Notifications, alice: Key, mallory: Key
) -> None:
    upload = await add(database, owner=alice.id)
    await request(database, upload)
    await make_job(database, upload)
    path = f"/v1/submissions/{upload}"
    waits = [asyncio.create_task(waiting_api.get(f"{path}?wait=50", headers=alice.headers)) for _ in range(2)]
    count = app_of(waiting_api).state.services.waits.budget._held
    await eventually(lambda: count[alice.id] == 2, what="both requests wait")
    refused = await waiting_api.get(f"{path}?wait=50", headers=alice.headers)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    body = {"language": "py", "source": "print(1)"}
    refused = await waiting_api.post("/v1/submissions?wait=1", json=body, headers=alice.headers)
    assert (refused.status_code, len(await fetch(database, "SELECT id FROM uploads"))) == (429, 1)
    assert (await waiting_api.get(path, headers=alice.headers)).status_code == 200
    other = await add(database, owner=mallory.id)
    await request(database, other)
    answer = await waiting_api.get(f"/v1/submissions/{other}?wait=1", headers=mallory.headers)
    assert answer.status_code == 200
    await end_when_awaited(database, upload, notifications)
    assert [(await wait).status_code for wait in waits] == [200, 200]
    assert (await waiting_api.get(f"{path}?wait=1", headers=alice.headers)).status_code == 200


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


@pytest.mark.parametrize(("most", "status"), [(3 * 4 * 65536, 200), (3 * 4 * 65536 - 1, 503)])
async def test_outputs_of_many_tests_are_bounded_together(
    api_with: ApiWith, database: Database, most: int, status: int
) -> None:
    """Their memory counts until the answer is sent."""
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
    async with api_with(large_answers_bytes=most) as client:
        answers, held_while_sent = app_of(client).state.services.response_memory, []
        note_while_sent(client, lambda: held_while_sent.append(answers.budget._held.total()))
        for each in (path, f"{path}/runs/1"):
            assert (await client.get(each)).status_code == status
            assert answers.budget._held.total() == 0
        assert {*held_while_sent} == {most if status == 200 else 0}
        assert (await client.get(f"{path}/output?test=1")).status_code == 200
