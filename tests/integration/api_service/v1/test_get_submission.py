"""`GET /v1/submissions/{id}`: its body, its ETag and its waits; and the runs."""

import json

import httpx
import pytest

from shared.adapters.database.connection import Database
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PUBLIC_URL, app_of, note_while_sent
from tests.integration.rows import execute
from tests.integration.submission_rows import add, add_finished, end, make_job, request


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
