"""`POST /v1/submissions/{id}/cancel`."""

import httpx
import pytest

from shared.api_keys import Scope
from shared.database.connection import Database
from tests.integration.api_service.v1.conftest import Key, make_key
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import add, add_finished, make_job, request

pytestmark = pytest.mark.integration


async def cancelled(api: httpx.AsyncClient, upload: int) -> dict[str, object]:
    answer = await api.post(f"/v1/submissions/{upload}/cancel")
    assert answer.status_code == 202
    shown: dict[str, object] = answer.json()
    assert shown == (await api.get(f"/v1/submissions/{upload}")).json()
    assert (shown["id"], shown["state"], shown["verdict"], shown["queue"]) == (upload, "cancelled", None, None)
    return shown


async def test_a_held_submission_is_cancelled(api: httpx.AsyncClient, database: Database) -> None:
    shown = await cancelled(api, await add(database))
    assert (shown["run"], shown["runs"]) == (None, 0)


@pytest.mark.parametrize("has_job", [False, True])
async def test_a_waiting_submission_is_cancelled(api: httpx.AsyncClient, database: Database, has_job: bool) -> None:
    upload = await add(database)
    await request(database, upload)
    if has_job:
        await make_job(database, upload)
    run = (await cancelled(api, upload))["run"]
    assert isinstance(run, dict)
    assert (run["number"], run["state"], run["verdict"], run["started_at"]) == (1, "cancelled", None, None)
    assert run["finished_at"] is not None
    assert (await api.get(f"/v1/submissions/{upload}/runs/1")).json() == run


async def test_a_running_submission_is_cancelled(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    await request(database, upload)
    await make_job(database, upload)
    await execute(
        database, "UPDATE job SET status = 'executing', lease_id = gen_random_uuid(), attempt = 1, started_at = now()"
    )
    run = (await cancelled(api, upload))["run"]
    assert isinstance(run, dict)
    assert (run["state"], run["attempt"], run["tests"]) == ("cancelled", 1, None)


async def test_a_submission_that_has_ended_is_not_cancelled(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add_finished(database)
    before = (await api.get(f"/v1/submissions/{upload}")).json()
    for _ in range(2):
        answer = await api.post(f"/v1/submissions/{upload}/cancel")
        assert (answer.status_code, answer.json()["title"]) == (409, "It has ended already")
        assert (await api.get(f"/v1/submissions/{upload}")).json() == before
        upload = await add(database)
        await cancelled(api, upload)
        before = (await api.get(f"/v1/submissions/{upload}")).json()


async def test_a_repeated_cancel_has_the_same_answer(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    answers = [await api.post(f"/v1/submissions/{upload}/cancel", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert len(await fetch(database, "SELECT FROM uploads WHERE outcome = 'cancelled'")) == 1


async def test_only_the_owner_may_cancel(
    api: httpx.AsyncClient, database: Database, alice: Key, mallory: Key, admin: Key
) -> None:
    reader = await make_key(database, "reader", Scope.READ)
    upload, other = await add(database, owner=alice.id), await add(database, owner=alice.id)
    path = f"/v1/submissions/{upload}/cancel"
    for key, status in ((mallory, 404), (reader, 403), (alice, 202), (alice, 409), (mallory, 404)):
        assert (await api.post(path, headers=key.headers)).status_code == status
    assert (await api.post(f"/v1/submissions/{other}/cancel", headers=admin.headers)).status_code == 202
    assert (await api.post(path)).status_code == 401


async def test_the_path_is_checked_before_the_query(api: httpx.AsyncClient, database: Database) -> None:
    upload = await add(database)
    assert (await api.post("/v1/submissions/999/cancel?x=1")).status_code == 404
    answer = await api.post(f"/v1/submissions/{upload}/cancel?x=1")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "x")
    assert (await api.get(f"/v1/submissions/{upload}/cancel")).status_code == 405
