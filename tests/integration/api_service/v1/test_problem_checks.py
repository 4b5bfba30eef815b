"""What a check of a package costs its key, and what is stored of the jury's submissions."""

from typing import Final

import pytest

from shared.adapters.database.connection import Database
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import PATH, Key, put
from tests.integration.rows import fetch
from tests.problem_packages import LEGACY, pack

pytestmark = pytest.mark.usefixtures("problem_languages")

_OTHER: Final = "/v1/problems/other"
_JURY: Final = {
    "submissions/accepted/long.py": "#" * 3000,
    "submissions/time_limit_exceeded/long.py": "#" * 3000,
}


async def test_the_jurys_submissions_cost_their_bytes(api_with: ApiWith, setter: Key, database: Database) -> None:
    package = pack({**LEGACY, **_JURY}).getvalue()
    async with api_with(key_bytes=10_000, key_budget=1) as client:
        client.headers.update(setter.headers)
        for path in (PATH, _OTHER):
            await put(client, package, path)
        wrong = {"email": "x", "webhook_url": "ftp://x", "odd": 1}
        faults = (await client.post(f"{PATH}/check?wait=x", json=wrong)).json()["errors"]
        assert {fault.get("pointer", "wait") for fault in faults} == {"/email", "/webhook_url", "/odd", "wait"}
        begun = await client.post(f"{PATH}/check")
        assert begun.status_code == 202, begun.text
        usage = {one["name"]: one["used"] for one in (await client.get("/v1/usage")).json()["items"]}
        assert usage["bytes"] > 5000
        assert usage["submissions"] == usage["runs"] == 0
        # What the time limit must stop waits for the limit.
        of_jury = await fetch(database, "SELECT request_id IS NULL AS is_held FROM uploads ORDER BY id")
        assert [row["is_held"] for row in of_jury] == [False] * (len(of_jury) - 1) + [True]
        # Nothing is stored of a check that is refused.
        refused = await client.post(f"{_OTHER}/check")
        assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["bytes"])
        assert len(await fetch(database, "SELECT FROM uploads")) == len(of_jury)
        assert len(await fetch(database, "SELECT FROM problem_checks")) == 1
        # A check is cancelled with its batch, and says so.
        cancel = f"/v1/batches/{begun.json()['batch']}/cancel"
        assert [(await client.post(cancel)).status_code for _ in range(2)] == [202, 409]
        data = (await client.get(f"{PATH}/check")).json()["data"]
        assert data == [{"path": "", "detail": "The check was cancelled."}]
        assert "the check's batch" in (await client.delete(PATH)).json()["detail"]
