"""API v1 enforces the limits that it publishes."""

from typing import Any

import httpx
import pytest

from shared.codex import SupportedLanguage
from shared.database.connection import Database
from shared.engine import MAX_ARGS, MAX_ARGS_BYTES, MAX_FILES, MAX_TESTS
from tests.integration.api_service.v1.conftest import Key
from tests.integration.api_service.v1.test_languages import LIMITS, offer

pytestmark = pytest.mark.integration

FIXED = {
    "max_files": MAX_FILES,
    "max_tests": MAX_TESTS,
    "max_args": MAX_ARGS,
    "max_args_bytes": MAX_ARGS_BYTES,
    "max_wait_s": 60,
    "max_source_bytes": 10_000,
    "max_stdin_bytes": 20_000,
}
NAMES = {*FIXED, "max_body_bytes", "max_batch", "max_streams", "idempotency_s", "limits"}


async def limits(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/v1/limits")
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


async def test_all_limits_are_listed(api: httpx.AsyncClient, database: Database) -> None:
    await offer(database, SupportedLanguage(language="c", info="", limits=LIMITS))
    found = await limits(api)
    assert set(found) == NAMES
    assert found.items() >= FIXED.items()
    assert found["limits"] == {name: bounds.model_dump() for name, bounds in LIMITS.items()}
    assert found["idempotency_s"] >= 24 * 3600


async def test_without_an_engine_of_ours_its_bounds_are_unknown(api: httpx.AsyncClient, database: Database) -> None:
    assert (await limits(api))["limits"] == dict.fromkeys(LIMITS)
    await offer(database, SupportedLanguage(language="c", info=""))
    assert (await limits(api))["limits"] == dict.fromkeys(LIMITS)


async def test_a_body_of_the_largest_size_is_taken_and_no_larger(api: httpx.AsyncClient) -> None:
    most = (await limits(api))["max_body_bytes"]
    headers = {"Content-Type": "application/json"}
    assert (await api.post("/v1/submissions", content=b" " * most, headers=headers)).status_code == 400
    assert (await api.post("/v1/submissions", content=b" " * (most + 1), headers=headers)).status_code == 413


async def test_the_longest_input_is_taken_and_no_longer(api: httpx.AsyncClient) -> None:
    most = (await limits(api))["max_stdin_bytes"]
    body = {"language": "py", "source": "print(1)", "hold": True}
    for size, status in ((most, 201), (most + 1, 422)):
        answer = await api.post("/v1/submissions", json={**body, "stdin": "x" * size})
        assert answer.status_code == status, answer.text


async def test_limits_need_a_key_and_have_no_parameters(api: httpx.AsyncClient, alice: Key) -> None:
    assert (await api.get("/v1/limits")).status_code == 401
    assert (await api.get("/v1/limits?a=1", headers=alice.headers)).status_code == 422
