"""What is deleted does not come back by an `Idempotency-Key`, whatever deleted it and whatever the answer was about."""

from email.headerregistry import Address
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from api_service.http.errors import Kind
from api_service.requests import idempotency
from api_service.submissions.delete import delete
from job_runner.emails.mailers.files import FileMailer
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Key
from tests.integration.api_service.v1.life import Life
from tests.integration.rows import execute, fetch

_PROGRAM: Final = {"language": "py", "source": "print(1)\n", "email": "a@example.com"}
_HEADERS: Final = {"Idempotency-Key": "again"}


async def post(api: httpx.AsyncClient, path: str, key: Key, body: Any) -> httpx.Response:
    return await api.post(path, json=body, headers={**key.headers, **_HEADERS})


async def answers(database: Database) -> list[str]:
    """Return the texts that are kept."""
    rows = await fetch(
        database, "SELECT convert_from(body, 'UTF8') AS text FROM idempotency_keys WHERE body IS NOT NULL"
    )
    return [str(row["text"]) for row in rows]


def assert_gone(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["type"]) == (410, Kind.GONE.url(PUBLIC_URL))
    assert "Idempotent-Replayed" not in answer.headers


@pytest.mark.parametrize("how", ["call", "cleaner"])
async def test_the_answers_about_a_submission_go_with_it(
    api: httpx.AsyncClient, database: Database, runner: Database, store: LocalStore, tmp_path: Path, alice: Key,
    admin: Key, how: str,
) -> None:  # fmt: skip
    made = (await post(api, "/v1/submissions", alice, _PROGRAM)).json()
    path, life = f"/v1/submissions/{made['id']}", Life(database, made["id"])
    assert (await post(api, f"{path}/cancel", alice, None)).status_code == 202
    assert (await post(api, f"{path}/runs", alice, None)).status_code == 202
    await life.queue()
    await life.claim()
    await life.end()
    assert (await post(api, f"{path}/mails", admin, None)).status_code == 202
    assert len(await answers(database)) == 4
    await execute(database, "UPDATE emails SET status = 'sent'")
    if how == "call":
        assert (await api.delete(path, headers=alice.headers)).status_code == 204
    else:
        await clean(database, runner, store, tmp_path)
    assert await answers(database) == []
    for name, key in (("cancel", alice), ("runs", alice), ("mails", admin)):
        assert (await post(api, f"{path}/{name}", key, None)).status_code == 404
    assert_gone(await post(api, "/v1/submissions", alice, _PROGRAM))
    assert (await post(api, "/v1/submissions", alice, {**_PROGRAM, "stdin": "x"})).status_code == 422


async def test_the_answers_about_a_batch_go_with_it(
    api: httpx.AsyncClient, database: Database, runner: Database, store: LocalStore, tmp_path: Path, alice: Key
) -> None:
    batch = {"submissions": [_PROGRAM]}
    first = (await post(api, "/v1/batches", alice, batch)).json()
    assert (await post(api, f"/v1/batches/{first['id']}/cancel", alice, None)).status_code == 202
    await execute(database, "UPDATE batches SET finished_at = now()")
    await clean(database, runner, store, tmp_path)
    assert await fetch(database, "SELECT id FROM batches") == []
    assert await answers(database) == []
    assert_gone(await post(api, "/v1/batches", alice, batch))


async def test_only_the_answers_about_it_go(api: httpx.AsyncClient, database: Database, alice: Key) -> None:
    """Ids that begin alike, and batches with the same id, are others."""
    await execute(database, "ALTER SEQUENCE uploads_id_seq RESTART WITH 7")
    made = []
    for key in "ab":
        answer = await api.post("/v1/submissions", json=_PROGRAM, headers={**alice.headers, "Idempotency-Key": key})
        made.append(answer.json())
    await execute(
        database,
        "INSERT INTO idempotency_keys (owner, path, key, content_sha256, claim_id, status, made, body)"
        " SELECT 1, path, 'k', '', gen_random_uuid(), 202, made, 'x'"
        " FROM (VALUES ('/v1/batches', 7), ('/v1/submissions/77/runs', 7), ('/v1/submissions/70/cancel', 70))"
        " AS other (path, made)",
    )
    assert [one["id"] for one in made] == [7, 8]
    await api.post("/v1/submissions/7/cancel", headers=alice.headers)
    assert (await api.delete("/v1/submissions/7", headers=alice.headers)).status_code == 204
    left = await fetch(database, "SELECT path, made FROM idempotency_keys WHERE made IS NOT NULL ORDER BY path, made")
    assert [(row["path"], row["made"]) for row in left] == [
        ("/v1/batches", 7), ("/v1/submissions", 8), ("/v1/submissions/70/cancel", 70), ("/v1/submissions/77/runs", 7)
    ]  # fmt: skip


async def test_an_answer_that_comes_after_the_deletion_is_not_kept(
    api: httpx.AsyncClient, database: Database, store: LocalStore, alice: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = idempotency.Once._store

    async def deleted_before(once: Any, body: bytes) -> None:
        [row] = await fetch(database, "SELECT id FROM uploads")
        await execute(database, "UPDATE uploads SET request_id = NULL")
        assert await delete(database, store, int(str(row["id"])))
        await keep(once, body)

    monkeypatch.setattr(idempotency.Once, "_store", deleted_before)
    assert (await post(api, "/v1/submissions", alice, _PROGRAM)).status_code == 201
    assert await answers(database) == []
    assert_gone(await post(api, "/v1/submissions", alice, _PROGRAM))


async def clean(database: Database, runner: Database, store: LocalStore, tmp_path: Path) -> None:
    """Remove all that is there, as the runner does when it is old."""
    for table in ("uploads", "batches"):
        await execute(database, f"UPDATE {table} SET created_at = now() - interval '9 days'")
    mailer = FileMailer(tmp_path / "outbox", Address(addr_spec="p@example.com"))
    await Cleaner(runner, store, mailer, days=1).run_once()
