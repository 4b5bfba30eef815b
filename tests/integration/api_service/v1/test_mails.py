"""The mails of a submission: the list, and the result mailed again."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.database import channels
from shared.database.connection import Database
from shared.database.roles import Role
from tests.fixtures.postgres import connected, url_of
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import add_upload, execute, fetch
from tests.integration.submission_rows import add

KEYS = ["id", "kind", "to", "locale", "state", "attempts", "created_at", "updated_at", "sent_at", "last_error"]
EMAIL = "someone@example.com"


async def add_finished(database: Database, owner: int | None, *, email: str | None = EMAIL) -> tuple[int, int]:
    """Add a submission with a result; return its id and its job's."""
    upload = await add_upload(database, owner=owner, email=EMAIL)
    await execute(
        database, "UPDATE uploads SET email = :email, outcome = 'finished' WHERE id = :id", id=upload, email=email
    )
    [job] = await fetch(
        database, "INSERT INTO job (upload, status) VALUES (:upload, 'executed') RETURNING id", upload=upload
    )
    number = int(str(job["id"]))
    await execute(
        database, "INSERT INTO results (job, upload, verdict) VALUES (:job, :id, 'ok')", job=number, id=upload
    )
    return upload, number


async def add_mail(database: Database, **values: object) -> int:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    [row] = await fetch(database, f"INSERT INTO emails ({names}) VALUES ({places}) RETURNING id", **values)
    return int(str(row["id"]))


async def mails(api: httpx.AsyncClient, upload: int, key: Key) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/submissions/{upload}/mails", headers=key.headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_mails_are_listed_newest_first(api: httpx.AsyncClient, database: Database, alice: Key) -> None:
    upload, job = await add_finished(database, alice.id)
    [row] = await fetch(database, "INSERT INTO batches (digest) VALUES (true) RETURNING id")
    await execute(database, "UPDATE uploads SET batch = :batch WHERE id = :id", batch=row["id"], id=upload)
    other, _ = await add_finished(database, alice.id)
    await add_mail(database, kind="result", upload=other, recipient=EMAIL)
    ids = [
        await add_mail(database, kind="receipt", upload=upload, locale="fa"),
        await add_mail(
            database,
            kind="failure",
            upload=upload,
            job=job,
            recipient="As.Sent@example.com",
            status="bounced",
            last_error="no such user",
            attempt=2,
        ),
        await add_mail(database, kind="digest", batch=row["id"], recipient="SOMEONE@example.com", locale="en"),
    ]
    await add_mail(database, kind="digest", batch=row["id"], recipient="another@example.com")
    found = await mails(api, upload, alice)
    assert [one["id"] for one in found] == ids[::-1]
    assert all(list(one) == KEYS for one in found)
    digest, failure, receipt = found
    assert (digest["kind"], digest["to"], digest["state"]) == ("digest", "SOMEONE@example.com", "queued")
    assert (failure["kind"], failure["to"], failure["state"]) == ("result", "As.Sent@example.com", "bounced")
    assert (failure["attempts"], failure["last_error"], failure["locale"]) == (2, "no such user", "en")
    # The runner has not filled in its recipient yet.
    assert (receipt["kind"], receipt["to"], receipt["locale"], receipt["sent_at"]) == ("receipt", EMAIL, "fa", None)
    assert await mails(api, (await add_finished(database, alice.id))[0], alice) == []


async def test_the_latest_result_is_mailed_again(
    api: httpx.AsyncClient, database: Database, database_url: str, alice: Key
) -> None:
    upload, _ = await add_finished(database, alice.id)
    [latest] = await fetch(
        database, "INSERT INTO job (upload, status) VALUES (:upload, 'executed') RETURNING id", upload=upload
    )
    await execute(database, "INSERT INTO results (job, upload) VALUES (:job, :id)", job=latest["id"], id=upload)
    await execute(database, "INSERT INTO job (upload, status) VALUES (:upload, 'failed')", upload=upload)
    async with connected(url_of(Role.RUNNER, database_url)) as runner, runner.listen(channels.EMAILS) as notified:
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
    monkeypatch.setattr("api_service.v1.routes.mails.PAGE_ITEMS", 2)
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
    upload, _ = await add_finished(database, alice.id)
    await execute(database, "UPDATE api_keys SET recipients = ARRAY['example.edu'] WHERE id = :id", id=alice.id)
    answer = await api.post(f"/v1/submissions/{upload}/mails", headers=alice.headers)
    assert answer.status_code == 422
    assert await fetch(database, "SELECT id FROM emails") == []
