"""`POST /v1/submissions/{id}/cancel`."""

import httpx
import pytest

from shared.database.connection import Database
from tests.integration.submission_rows import add, make_job, request

pytestmark = pytest.mark.integration


async def cancelled(api: httpx.AsyncClient, upload: int) -> dict[str, object]:
    answer = await api.post(f"/v1/submissions/{upload}/cancel")
    assert answer.status_code == 202
    shown: dict[str, object] = answer.json()
    assert shown == (await api.get(f"/v1/submissions/{upload}")).json()
    assert (shown["id"], shown["state"], shown["verdict"], shown["queue"]) == (upload, "cancelled", None, None)
    return shown


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
