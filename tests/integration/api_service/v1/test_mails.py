"""The mails of a submission: the list, and the result mailed again."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import add_executed, execute, fetch, insert
from tests.integration.submission_rows import add

KEYS = ["id", "kind", "to", "locale", "state", "attempts", "created_at", "updated_at", "sent_at", "last_error"]
EMAIL = "someone@example.com"


async def mails(api: httpx.AsyncClient, upload: int, key: Key) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/submissions/{upload}/mails", headers=key.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_mails_are_listed_newest_first(api: httpx.AsyncClient, database: Database, alice: Key) -> None:
    upload, job = await add_executed(database, owner=alice.id)
    row = await insert(database, "batches", digest=True)
    await execute(database, "UPDATE uploads SET batch = :batch WHERE id = :id", batch=row["id"], id=upload)
    other, _ = await add_executed(database, owner=alice.id)
    await insert(database, "emails", kind="result", upload=other, recipient=EMAIL)
    sent = [
        await insert(database, "emails", kind="receipt", upload=upload, locale="fa"),
        await insert(
            database, "emails", kind="failure", upload=upload, job=job, recipient="As.Sent@example.com",
            status="bounced", last_error="no such user", attempt=2,
        ),
        await insert(database, "emails", kind="digest", batch=row["id"], recipient="SOMEONE@example.com", locale="en"),
    ]  # fmt: skip
    await insert(database, "emails", kind="digest", batch=row["id"], recipient="another@example.com")
    found = await mails(api, upload, alice)
    assert [one["id"] for one in found] == [row["id"] for row in reversed(sent)]
    assert all(list(one) == KEYS for one in found)
    digest, failure, receipt = found
    assert (digest["kind"], digest["to"], digest["state"]) == ("digest", "SOMEONE@example.com", "queued")
    assert (failure["kind"], failure["to"], failure["state"]) == ("result", "As.Sent@example.com", "bounced")
    assert (failure["attempts"], failure["last_error"], failure["locale"]) == (2, "no such user", "en")
    # The runner has not filled in its recipient yet.
    assert (receipt["kind"], receipt["to"], receipt["locale"], receipt["sent_at"]) == ("receipt", EMAIL, "fa", None)
    assert await mails(api, (await add_executed(database, owner=alice.id))[0], alice) == []


async def test_the_latest_result_is_mailed_again(
    api: httpx.AsyncClient, database: Database, runner: Database, alice: Key
) -> None:
    upload, _ = await add_executed(database, owner=alice.id)
    latest = await insert(database, "job", upload=upload, status="executed")
    await insert(database, "results", job=latest["id"], upload=upload)
    await insert(database, "job", upload=upload, status="failed")
    async with runner.listen(channels.EMAILS) as notified:
        await asyncio.wait_for(notified.wait(), 10)
        notified.clear()
        answer = await api.post(f"/v1/submissions/{upload}/mails", headers=alice.headers)
        await asyncio.wait_for(notified.wait(), 10)
    assert answer.status_code == 202, answer.text
    assert "mails" in answer.headers["RateLimit"]
    mail = answer.json()
    assert (mail["kind"], mail["to"], mail["state"], mail["attempts"]) == ("result", EMAIL, "queued", 0)
    assert await mails(api, upload, alice) == [mail]
    [row] = await fetch(database, "SELECT job, message_id FROM emails")
    assert row == {"job": latest["id"], "message_id": None}
    shown = (await api.get(f"/v1/submissions/{upload}", headers=alice.headers)).json()["mail"]
    assert (shown["id"], shown["state"]) == (mail["id"], "queued")


async def test_a_page_of_mails_leads_to_the_next(
    api: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.mails.mail_routes.PAGE_ITEMS", 2)
    upload = await add(database)
    await execute(
        database,
        "INSERT INTO emails (kind, upload, recipient) SELECT 'result', :upload, 'a@example.com'"
        " FROM generate_series(1, 5)",
        upload=upload,
    )
    path, cursor, ids = f"/v1/submissions/{upload}/mails", None, []
    for left in (2, 1, 0):
        page = (await api.get(path, params={"cursor": cursor} if cursor else {})).json()
        ids += [mail["id"] for mail in page["items"]]
        cursor = page["next"]
        assert (cursor is not None) == (left > 0)
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 5


async def test_a_recipient_that_may_not_be_mailed_any_more_is_refused(
    api: httpx.AsyncClient, database: Database, alice: Key
) -> None:
    upload, _ = await add_executed(database, owner=alice.id)
    await execute(database, "UPDATE api_keys SET recipients = ARRAY['example.edu'] WHERE id = :id", id=alice.id)
    answer = await api.post(f"/v1/submissions/{upload}/mails", headers=alice.headers)
    assert answer.status_code == 422
    assert await fetch(database, "SELECT id FROM emails") == []
