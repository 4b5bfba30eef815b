"""The front door for Judge0's clients, without a pipeline: permissions, and the operator's switches."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from shared.adapters.database.connection import Database
from shared.records.accounts.api_keys import Scope
from shared.records.accounts.webhooks import WebhookSettings
from tests.integration.api_service.conftest import KEY_BUDGET, ApiWith
from tests.integration.api_service.v1.conftest import app_of
from tests.integration.rows import execute, fetch, make_key, offer

ONE: Final = {"source_code": "print(1)", "language_id": 71}
BATCH: Final = {"submissions": [ONE, ONE]}
LIMITS: Final = {"cpu_s": 60, "wall_s": 300, "memory_bytes": 1 << 30, "output_bytes": 1 << 20, "processes": 256}

Reach = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
async def reach(api_with: ApiWith, database: Database, tmp_path: Path) -> Reach:
    """Return a function that yields a client of an API with the door. Its argument is the text of a `judge0.conf`."""
    await offer(database, info="Python 3", compiled=False, extensions=[".py"], limits=LIMITS)

    def reach(conf: str = "", **how: Any) -> httpx.AsyncClient:
        path = tmp_path / "judge0.conf"
        path.write_text(conf)
        return api_with(front_doors="judge0", judge0_conf=path, **how)

    return reach


@pytest.fixture
async def door(reach: Reach) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an API in protected mode."""
    async with reach() as client:
        yield client


async def key_of(database: Database, *scopes: Scope) -> dict[str, str]:
    return {"X-Auth-Token": await make_key(database, *scopes)}


async def test_without_the_setting_there_is_no_door(api: httpx.AsyncClient) -> None:
    for path in ("/languages", "/about", "/submissions", "/api/v2/runtimes"):
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_without_a_key_this_machines_user_may_call(door: httpx.AsyncClient) -> None:
    ignored = {"X-Auth-Token": "any", "X-Auth-User": "any", "X-RapidAPI-Key": "x", "X-Judge0-Region": "y"}
    for headers in ({}, ignored):
        assert (await door.post("/authenticate", headers=headers)).status_code == 200
        assert (await door.post("/submissions", json=ONE, headers=headers)).status_code == 201
        assert (await door.post("/authorize", headers=headers)).status_code == 403
    proxied = await door.get("/languages", headers={"X-Forwarded-For": "192.0.2.1"})
    assert proxied.status_code == 403
    foreign = await door.post("/submissions", json=ONE, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


async def test_a_cancelled_submission_says_so(door: httpx.AsyncClient, database: Database) -> None:
    token = (await door.post("/submissions", json=ONE)).json()["token"]
    assert (await door.get(f"/submissions/{token}")).json()["status"]["description"] == "In Queue"
    await execute(database, "UPDATE uploads SET request_id = NULL, outcome = 'cancelled'")
    answer = (await door.get(f"/submissions/{token}")).json()
    assert (answer["status"]["id"], answer["message"]) == (13, "It was cancelled.")


async def test_scopes_and_budgets_count(reach: Reach, database: Database) -> None:
    poster, reader = await key_of(database, Scope.SUBMIT), await key_of(database, Scope.READ)
    async with reach() as client:
        assert (await client.post("/submissions", json=ONE, headers=reader)).status_code == 403
        assert (await client.get("/languages", headers=poster)).status_code == 403
        batch = {"submissions": [ONE] * (KEY_BUDGET + 1)}
        answers = (await client.post("/submissions/batch", json=batch, headers=poster)).json()
        assert ["token" in one for one in answers] == [True] * KEY_BUDGET + [False]
        refused = await client.post("/submissions", json=ONE, headers=poster)
        assert (refused.status_code, "Retry-After" in refused.headers, [*refused.json()]) == (429, True, ["error"])


@pytest.mark.parametrize(
    ("conf", "path", "body", "status", "error"),
    [
        ("MAINTENANCE_MODE=true\nMAINTENANCE_MESSAGE=back soon", "/submissions", ONE, 503, "back soon"),
        ("ENABLE_WAIT_RESULT=false", "/submissions?wait=true", ONE, 400, "wait not allowed"),
        ("ENABLE_BATCHED_SUBMISSIONS=false", "/submissions/batch", BATCH, 400, "batched submissions are not allowed"),
        ("MAX_QUEUE_SIZE=0", "/submissions?fields=nothing", ONE, 503, "queue is full"),
        ("MAX_QUEUE_SIZE=1", "/submissions/batch", BATCH, 503, "queue is full"),
    ],
)
async def test_the_operator_can_turn_features_off(
    conf: str, path: str, body: dict[str, Any], status: int, error: str, reach: Reach, database: Database
) -> None:
    async with reach(conf) as client:
        answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert await fetch(database, "SELECT FROM uploads") == []


@pytest.mark.parametrize("path", ["/submissions", "/submissions/batch"])
async def test_a_queue_is_filled_by_its_sender_alone(path: str, reach: Reach, database: Database) -> None:
    alice, bob, admin = [await key_of(database, scope) for scope in (Scope.SUBMIT, Scope.SUBMIT, Scope.ADMIN)]
    async with reach("MAX_QUEUE_SIZE=3", key_budget=100) as client:
        of_v1 = {"submissions": [{"language": "py", "source": "1"}] * 2}
        bearer = {"Authorization": f"Bearer {alice['X-Auth-Token']}"}
        assert (await client.post("/v1/batches", json=of_v1, headers=bearer)).status_code == 201

        async def statuses(headers: dict[str, str]) -> list[int]:
            body = {**ONE, "submissions": [ONE]}
            return [(await client.post(path, json=body, headers=headers)).status_code for _ in range(4)]

        assert await statuses(alice) == [201, 503, 503, 503]
        for others in (bob, admin):
            assert await statuses(others) == [201, 201, 201, 503]


async def test_a_deletion_has_to_be_allowed(reach: Reach, database: Database) -> None:
    key = (await key_of(database, Scope.ADMIN))["X-Auth-Token"]
    admin = {"X-Auth-Token": key, "X-Auth-User": key}
    for conf, status in (("", 400), ("ENABLE_SUBMISSION_DELETE=true", 404)):
        async with reach(conf) as client:
            answer = await client.delete("/submissions/x", headers=admin)
            assert answer.status_code == status


async def test_a_program_that_the_engine_cannot_bound_yet(reach: Reach, database: Database) -> None:
    await execute(database, "UPDATE languages SET details = NULL")
    async with reach() as client:
        answer = await client.post("/submissions", json=ONE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        (f"/submissions/{uuid4()}/", "/submissions/{token}", 404),
        ("/languages/71/0", "none", 404),
        ("/api/v2/piston/runtimes/", "/api/v2/runtimes", 200),
        ("/api/v2/nothing", "none", 404),
    ],
    ids=["judge0", "judge0 unknown", "piston", "piston unknown"],
)
async def test_answers_of_doors_are_counted_by_route(api_with: ApiWith, path: str, route: str, status: int) -> None:
    def count() -> float:
        labels = {"route": route, "status": str(status)}
        return REGISTRY.get_sample_value("precieux_http_requests_total", labels) or 0

    before = count()
    async with api_with(front_doors="judge0,piston") as client:
        assert (await client.get(path)).status_code == status
    assert count() == before + 1


async def test_head_goes_where_get_goes(door: httpx.AsyncClient) -> None:
    for path, status in (
        ("/languages", 200),
        ("/about/", 200),
        (f"/submissions/{uuid4()}", 404),
        ("/languages/x", 404),
    ):
        got, asked = await door.get(path), await door.head(path)
        assert (asked.status_code, asked.headers.get("Content-Type")) == (status, got.headers.get("Content-Type"))


async def test_a_body_that_is_too_large_is_refused(door: httpx.AsyncClient) -> None:
    answer = await door.post("/submissions", json={**ONE, "expected_output": "x" * 200_000})
    assert (answer.status_code, "send less" in answer.json()["error"]) == (413, True)


@pytest.mark.parametrize(
    ("allowed", "fields", "is_guarded"),
    [
        (None, {}, False),
        (None, {"X-Judge0-Region": "y"}, False),
        ("hooks.example", {}, True),
        (None, {"X-Forwarded-For": "192.0.2.1"}, True),
        (None, {"Host": "runs.example"}, True),
    ],
)
@pytest.mark.parametrize("path", ["/submissions", "/submissions/batch"])
async def test_only_a_request_of_this_machine_calls_every_address(
    allowed: str | None, fields: dict[str, str], is_guarded: bool, path: str, reach: Reach, database: Database
) -> None:
    one = {**ONE, "callback_url": "http://127.0.0.1/"}
    headers = {**await key_of(database, Scope.SUBMIT), **fields}
    async with reach(webhooks=WebhookSettings(webhook_allowed_hosts=allowed)) as client:
        answer = await client.post(path, json={**one, "submissions": [one]}, headers=headers)
        assert answer.status_code == 201
    [row] = await fetch(
        database,
        "SELECT CAST(request -> 'guards_callback' AS boolean) AS is_guarded, webhook_url FROM judge0_submissions"
        " JOIN uploads ON id = upload",
    )
    assert row == {"is_guarded": is_guarded, "webhook_url": "http://127.0.0.1/"}


async def test_an_error_of_ours_has_judge0s_form(door: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> dict[str, str]:
        raise RuntimeError("secret")

    monkeypatch.setattr("api_service.doors.judge0.app.system_info", fail)
    transport = httpx.ASGITransport(app_of(door), raise_app_exceptions=False, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/system_info")
    assert answer.status_code == 500
    assert "logged the error" in answer.json()["error"]
    assert "secret" not in answer.text
