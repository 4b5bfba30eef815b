"""Large bodies: the work on them must not hold up other requests."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api_service.http import json_text
from api_service.requests import threads, validation
from shared.adapters.database.connection import Database
from shared.adapters.storage.base import ObjectStore
from shared.records.accounts.api_keys import Scope
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import bearer, make_key

_PROGRAM = {"language": "py", "source": "#" * threads.LARGE}


@pytest.fixture
def used_threads(monkeypatch: pytest.MonkeyPatch) -> set[threading.Thread]:
    """Return a set that gets the threads in which bodies are parsed and validated."""
    seen: set[threading.Thread] = set()

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def watch(*args: Any, **kwargs: Any) -> Any:
            seen.add(threading.current_thread())
            return work(*args, **kwargs)

        return watch

    # Both go through the whole content.
    for module, name in ((json_text, "_is_deeper"), (validation, "text_faults")):
        monkeypatch.setattr(module, name, watched(getattr(module, name)))
    return seen


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/submissions", _PROGRAM),
        ("/v1/batches", {"submissions": [_PROGRAM]}),
    ],
)
async def test_a_large_body_is_read_in_a_thread(
    api: httpx.AsyncClient, used_threads: set[threading.Thread], path: str, body: object
) -> None:
    answer = await api.post(path, json=body)
    # The program is too long for this server, but all of it is looked at.
    assert answer.status_code in (201, 422), answer.text
    assert used_threads
    assert threading.main_thread() not in used_threads


async def test_bodies_do_not_hold_up_the_object_store(store: ObjectStore) -> None:
    go_on = threading.Event()
    bodies = [asyncio.create_task(threads.run_in_thread(go_on.wait)) for _ in range(100)]
    try:
        async with asyncio.timeout(30):
            await store.put("a.py", b"1", content_type="text/plain")
            assert await store.get("a.py") == b"1"
    finally:
        go_on.set()
    assert await asyncio.gather(*bodies) == [True] * 100


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/submissions", {**_PROGRAM, "language": 5}), ("/v1/batches", {"submissions": [{**_PROGRAM, "stdin": 5}]})],
)
async def test_a_large_body_counts_also_if_it_is_refused(
    api_with: ApiWith, database: Database, path: str, body: dict[str, Any]
) -> None:
    alice, bob = [bearer(await make_key(database, Scope.SUBMIT)) for _ in range(2)]
    async with api_with(key_budget=3) as api:

        async def statuses(headers: dict[str, str], body: object, times: int) -> list[int]:
            return [(await api.post(path, json=body, headers=headers)).status_code for _ in range(times)]

        assert await statuses(alice, body, 6) == [422] * 4 + [429] * 2
        refused = await api.post(path, json=body, headers=alice)
        assert (refused.json()["violated-policies"], int(refused.headers["Retry-After"]) > 0) == (["submissions"], True)
        # A small one costs little, and others have budgets of their own.
        assert await statuses(alice, {}, 2) == [422] * 2
        assert await statuses(bob, body, 2) == [422] * 2
