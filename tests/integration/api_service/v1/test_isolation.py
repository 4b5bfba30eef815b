"""A key beside another's submissions sees nothing of them and changes nothing, through every call of API v1."""

import asyncio
import hashlib
import json
from typing import Any, Final

import httpx
import pytest

from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import execute, fetch, insert
from tests.integration.submission_rows import add, end, make_job, request

SECRET: Final = "secret-of-alice"

#: Calls about one thing: the method and the path as in the OpenAPI document, the query, and what its owner gets.
ABOUT_ONE: Final[list[tuple[str, str, str, int]]] = [
    ("GET", "/v1/submissions/{id}", "", 200),
    ("GET", "/v1/submissions/{id}", "?wait=1", 200),
    ("GET", "/v1/submissions/{id}/runs", "", 200),
    ("GET", "/v1/submissions/{id}/runs/{number}", "", 200),
    ("GET", "/v1/submissions/{id}/output", "", 200),
    ("GET", "/v1/submissions/{id}/output", "?run=1", 200),
    ("GET", "/v1/submissions/{id}/output", "?test=1", 422),
    ("GET", "/v1/submissions/{id}/stderr", "", 200),
    ("GET", "/v1/submissions/{id}/artifacts/{name}", "", 200),
    ("GET", "/v1/submissions/{id}/artifacts/{name}", "?run=1", 200),
    ("GET", "/v1/submissions/{id}/source", "", 200),
    ("GET", "/v1/submissions/{id}/mails", "", 200),
    ("GET", "/v1/submissions/{id}/events", "", 200),
    ("GET", "/v1/batches/{id}", "", 200),
    ("GET", "/v1/batches/{id}/events", "", 200),
    ("POST", "/v1/submissions/{id}/cancel", "", 409),
    ("POST", "/v1/batches/{id}/cancel", "", 409),
    ("POST", "/v1/submissions/{id}/mails", "", 202),
    ("POST", "/v1/submissions/{id}/runs", "", 202),
    ("DELETE", "/v1/submissions/{id}", "", 204),
    ("DELETE", "/v1/batches/{id}", "", 204),
]
#: Calls that concern no key's resources, and those that other files have: `test_list_submissions`, `test_usage` and
#: `test_problems`.
OTHERS: Final = {
    ("GET", "/v1/submissions"), ("GET", "/v1/usage"), ("POST", "/v1/submissions"), ("POST", "/v1/batches"),
    ("GET", "/v1/languages"), ("GET", "/v1/languages/{name}"), ("GET", "/v1/limits"), ("POST", "/v1/mailgun/events"),
    ("GET", "/v1/problems"), ("GET", "/v1/problems/{name}"), ("PUT", "/v1/problems/{name}"),
    ("PATCH", "/v1/problems/{name}"), ("DELETE", "/v1/problems/{name}"), ("GET", "/v1/problems/{name}/versions"),
    ("GET", "/v1/problems/{name}/package"), ("POST", "/v1/problems/{name}/check"), ("POST", "/v1/run"),
    ("GET", "/v1/problems/{name}/check"),
}  # fmt: skip


@pytest.fixture
async def owned(database: Database, store: LocalStore, alice: Key) -> dict[str, int]:
    """Return the ids of a submission of alice that has run, and of its batch."""
    await execute(database, "INSERT INTO batches (id, owner, finished_at) VALUES (40, :owner, now())", owner=alice.id)
    upload = await add(
        database,
        owner=alice.id,
        batch=40,
        email=f"{SECRET}@example.com",
        language="py",
        object_key="source.py",
        metadata=json.dumps({"note": SECRET}),
    )
    await store.put("source.py", SECRET.encode())
    await request(database, upload)
    job = await make_job(database, upload)
    content = SECRET.encode()
    await store.put("artifact", content)
    artifact = {"name": "x", "bytes": len(content), "media_type": "text/plain", "key": "artifact"}
    artifacts = json.dumps([{**artifact, "sha256": hashlib.sha256(content).hexdigest()}])
    await end(database, job, verdict="ok", output=SECRET, stderr=SECRET, artifacts=artifacts)
    secrets = dict.fromkeys(("recipient", "subject", "message_id"), f"{SECRET}@example.com")
    await insert(database, "emails", job=job, upload=upload, kind="result", text="", html="", status="sent", **secrets)
    return {"submissions": upload, "batches": 40}


def path_of(template: str, owned: dict[str, int]) -> str:
    return template.format(id=owned[template.split("/")[2]], number=1, name="x")


async def call(api: httpx.AsyncClient, key: Key, method: str, path: str) -> httpx.Response:
    return await asyncio.wait_for(api.request(method, path, headers=key.headers), 20)


async def test_every_call_of_the_document_is_in_a_table(api: httpx.AsyncClient) -> None:
    paths: dict[str, dict[str, Any]] = (await api.get("/openapi.json")).json()["paths"]
    calls = {(method.upper(), path) for path, one in paths.items() if path.startswith("/v1/") for method in one}
    assert {(method, path) for method, path, *_ in ABOUT_ONE} | OTHERS == calls


@pytest.mark.parametrize(("method", "template", "query", "status"), ABOUT_ONE)
async def test_another_key_does_not_find_a_resource(
    api: httpx.AsyncClient,
    database: Database,
    owned: dict[str, int],
    alice: Key,
    mallory: Key,
    method: str,
    template: str,
    query: str,
    status: int,
) -> None:
    path = path_of(template, owned)
    before = await snapshot(database)
    missing = path.replace(f"/{owned[template.split('/')[2]]}", "/987654321")
    for spelling in ("", "/"):
        refused = await call(api, mallory, method, path + spelling + query)
        unknown = await call(api, mallory, method, missing + spelling + query)
        assert (refused.status_code, SECRET in refused.text) == (404, False)
        # It looks exactly like what does not exist.
        assert (refused.json(), unknown.status_code) == (unknown.json(), 404)
    # A fault of the query does not reveal it either.
    assert (await call(api, mallory, method, f"{path}?nonsense=1")).status_code == 404
    assert await snapshot(database) == before
    answer = await call(api, alice, method, path + query)
    assert answer.status_code == status, answer.text


async def snapshot(database: Database) -> list[object]:
    tables = ("uploads", "job", "results", "emails", "webhooks", "batches", "outbox", "deleted_uploads")
    return [await fetch(database, f"SELECT * FROM {table} ORDER BY 1") for table in tables]
