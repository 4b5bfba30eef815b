"""Keys, budgets and bounds at the Piston front door."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from api_service.access.principal import Principal
from api_service.settings import ApiSettings
from shared.adapters.database.connection import Database
from shared.records.accounts.api_keys import Scope
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import app_of
from tests.integration.rows import bearer, fetch, make_key

pytestmark = pytest.mark.usefixtures("offered")

_JOB: dict[str, Any] = {"language": "py", "version": "*", "files": [{"content": "print(1)"}]}
_NO_ENGINE = "This server has no engine for such runs; its operator must set PRECIEUX_CODEX_URL."


async def run(client: httpx.AsyncClient, key: str, **changes: Any) -> tuple[int, str]:
    """Return the status and the message of an answer."""
    answer = await client.post("/api/v2/execute", json=_JOB | changes, headers={"Authorization": key})
    assert list(answer.json()) == ["message"]
    return answer.status_code, answer.json()["message"]


def test_an_unknown_door_is_refused() -> None:
    assert ApiSettings(front_doors=" piston, judge0,").doors == {"piston", "judge0"}
    with pytest.raises(ValidationError, match="'pistn' is not one of piston, judge0"):
        ApiSettings(front_doors="piston,pistn")


async def test_a_key_may_come_with_and_without_its_scheme(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.READ)
    async with api_with(front_doors="piston") as client:
        for sent in (key, f"Bearer {key}", f"bearer  {key}"):
            assert (await client.get("/api/v2/runtimes", headers={"Authorization": sent})).status_code == 200
        for headers in ({}, {"Authorization": key[:-1]}, {"Authorization": f"Basic {key}"}):
            for path in ("runtimes", "packages"):
                answer = await client.get(f"/api/v2/{path}", headers=headers)
                assert (answer.status_code, list(answer.json())) == (401, ["message"])
        assert (await run(client, key))[0] == 403
        for method in ("POST", "DELETE"):
            body = {"language": "python", "version": "3.13.5"}
            refused = await client.request(method, "/api/v2/packages", json=body, headers=bearer(key))
            assert refused.status_code == 403


async def test_a_job_takes_from_the_run_time_of_its_key(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    [row] = await fetch(database, "SELECT id FROM api_keys")
    async with api_with(front_doors="piston", key_budget=1, key_cpu_seconds=100) as client:
        for _ in range(2):
            assert await run(client, key) == (503, _NO_ENGINE)
        services = app_of(client).state.services
        services.transient.seconds.charge(Principal(int(str(row["id"])), frozenset({Scope.SUBMIT})), 101)
        status, message = await run(client, key)
        assert (status, "the limit of 100 an hour" in message) == (429, True)
    assert await fetch(database, "SELECT id FROM uploads") == []


async def test_the_bytes_of_a_job_are_bounded(api_with: ApiWith, database: Database) -> None:
    key = await make_key(database, Scope.SUBMIT)
    async with api_with(front_doors="piston") as client:
        long = "x" * 10_001
        assert await run(client, key, files=[{"content": long}]) == (400, "files may have at most 10000 bytes together")
        assert await run(client, key, stdin=2 * long) == (400, "stdin may have at most 20000 bytes")
        assert (await run(client, key, other=10 * long))[0] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
