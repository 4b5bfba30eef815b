"""`POST /v1/submissions/{id}/runs`: a run with its own input, and what is refused."""

import httpx
import pytest

from shared.database.connection import Database
from tests.integration.rows import offer
from tests.integration.submission_rows import add

pytestmark = pytest.mark.integration


async def test_a_foreign_engine_runs_it_only_as_before(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database)
    path = f"/v1/submissions/{await add(database)}/runs"
    answer = await api.post(path, json={"stdin": "5"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/stdin"]
    assert (await api.post(path, json={})).status_code == 202
