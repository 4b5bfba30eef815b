"""The events of Mailgun: their signatures, and the states of mails that follow from them."""

import hashlib
import hmac
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api_service.mails.mailgun_routes import report_of
from shared.adapters.database.connection import Database
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import execute, fetch, insert

KEY = "key-of-mailgun"
PATH = "/v1/mailgun/events"
RECIPIENT = "someone@example.com"
MESSAGE = "precieux.1@example.com"

Known = tuple[str, dict[str, Any]]

tokens = (f"token-{number}" for number in itertools.count())


@pytest.fixture
async def mailgun(api_with: ApiWith, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without an API key, of an API that knows Mailgun's signing key."""
    monkeypatch.setenv("PRECIEUX_MAILGUN_SIGNING_KEY", KEY)
    async with api_with() as client:
        yield client


def signed(*, token: str | None = None, at: float | None = None, key: str = KEY) -> dict[str, Any]:
    token, stamp = token or next(tokens), str(int(time.time() if at is None else at))
    digest = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"token": token, "timestamp": stamp, "signature": digest}


def event(kind: str, *, message: str = MESSAGE, signature: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return an event as Mailgun documents it, with keys that we do not read."""
    data = {
        "event": kind, "id": "CPgfbmQMTCKtHW6uIWtuVe", "timestamp": 1521472262.908181, "log-level": "info",
        "message": {"headers": {"to": "A <a@b>", "message-id": message, "from": "x", "subject": "y"}, "size": 1},
        "recipient": RECIPIENT, "recipient-domain": "example.com", "tags": [], "user-variables": {}, **more,
    }  # fmt: skip
    return {"signature": signature or signed(), "event-data": data}


async def add_mail(database: Database, status: str = "sent", message: str = MESSAGE) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    own = {"recipient": RECIPIENT, "message_id": f"<{message}>", "status": status, "updated_at": before}
    await insert(database, "emails", kind="result", **own)


async def state(database: Database) -> tuple[object, object]:
    [row] = await fetch(database, "SELECT status, last_error FROM emails")
    return row["status"], row["last_error"]


async def suppressed(database: Database) -> list[tuple[object, object]]:
    rows = await fetch(database, "SELECT email, reason FROM suppressions")
    return [(row["email"], row["reason"]) for row in rows]


DELIVERED: Known = ("delivered", {})
DEFERRED: Known = ("failed", {"severity": "temporary", "delivery-status": {"message": "busy", "code": 450}})
BOUNCED: Known = (
    "failed",
    {"severity": "permanent", "delivery-status": {"message": "", "description": "no such user"}},
)
COMPLAINED: Known = ("complained", {})


@pytest.mark.parametrize(
    ("events", "final"),
    [
        ((DEFERRED, DELIVERED), "delivered"),
        ((DELIVERED, DEFERRED), "delivered"),
        ((DELIVERED, BOUNCED), "bounced"),
        ((BOUNCED, DELIVERED), "bounced"),
        ((BOUNCED, DEFERRED), "bounced"),
        ((DELIVERED, COMPLAINED), "complained"),
        ((COMPLAINED, DELIVERED), "complained"),
        ((COMPLAINED, BOUNCED), "complained"),
        ((("opened", {}), ("accepted", {}), ("failed", {"severity": "else"})), "sent"),
    ],
)
async def test_events_may_come_in_any_order(
    mailgun: httpx.AsyncClient, database: Database, events: tuple[Known, ...], final: str
) -> None:
    await add_mail(database)
    await execute(database, "INSERT INTO emails (kind, message_id, status) VALUES ('result', '<other@x>', 'sent')")
    for kind, more in events:
        assert (await mailgun.post(PATH, json=event(kind, **more))).status_code == 200
    await execute(database, "DELETE FROM emails WHERE message_id = '<other@x>' AND status = 'sent'")
    assert (await state(database))[0] == final


async def test_a_bounce_says_why_and_suppresses_its_address(mailgun: httpx.AsyncClient, database: Database) -> None:
    await add_mail(database)
    await mailgun.post(PATH, json=event(BOUNCED[0], **BOUNCED[1]))
    assert (await state(database), await suppressed(database)) == (
        ("bounced", "no such user"),
        [(RECIPIENT, "bounced")],
    )


@pytest.mark.parametrize("before", ["queued", "sending"])
async def test_an_event_may_come_before_its_mail_is_recorded(
    mailgun: httpx.AsyncClient, database: Database, before: str
) -> None:
    await add_mail(database, before)
    await mailgun.post(PATH, json=event("delivered"))
    assert await state(database) == ("delivered", None)


async def test_a_token_counts_once(mailgun: httpx.AsyncClient, database: Database) -> None:
    await add_mail(database)
    signature = signed()
    assert (await mailgun.post(PATH, json=event(DEFERRED[0], signature=signature, **DEFERRED[1]))).status_code == 200
    again = await mailgun.post(PATH, json=event("complained", signature=signature))
    assert again.status_code == 200
    assert await state(database) == ("deferred", "busy")
    assert await suppressed(database) == []


async def test_a_bad_signature_or_time_is_not_acceptable(mailgun: httpx.AsyncClient, database: Database) -> None:
    await add_mail(database)
    for signature in (
        signed(key="another-key"),
        {**signed(), "token": "another"},
        {**signed(), "signature": ""},
        {**signed(), "signature": "é" * 64},
        signed(at=time.time() - 310),
        signed(at=time.time() + 310),
        {**signed(), "timestamp": "x"},
        {**signed(), "timestamp": "1" * 30},
    ):
        answer = await mailgun.post(PATH, json=event("complained", signature=signature))
        assert answer.status_code == 406, signature
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert await state(database) == ("sent", None)
    assert await suppressed(database) == []
    assert await fetch(database, "SELECT token FROM mailgun_events") == []


async def test_nearly_five_minutes_are_allowed_and_numbers_too(mailgun: httpx.AsyncClient) -> None:
    signature = signed()
    numeric = {**signature, "timestamp": int(signature["timestamp"])}
    for signature in (signed(at=time.time() - 290), signed(at=time.time() + 290), numeric):
        assert (await mailgun.post(PATH, json=event("delivered", signature=signature))).status_code == 200


@pytest.mark.parametrize("kind", [BOUNCED, COMPLAINED])
async def test_a_report_of_a_mail_that_is_not_ours_suppresses_nobody(
    mailgun: httpx.AsyncClient, database: Database, kind: Known
) -> None:
    """Others may send through the same account of Mailgun."""
    assert (await mailgun.post(PATH, json=event(kind[0], **kind[1]))).status_code == 200
    assert await suppressed(database) == []


async def test_a_report_that_changes_no_state_suppresses_its_address(
    mailgun: httpx.AsyncClient, database: Database
) -> None:
    await add_mail(database)
    await execute(database, "UPDATE emails SET status = 'complained'")
    assert (await mailgun.post(PATH, json=event(BOUNCED[0], **BOUNCED[1]))).status_code == 200
    assert (await state(database), await suppressed(database)) == (("complained", None), [(RECIPIENT, "bounced")])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"signature": {}, "event-data": {}}', 422),
        (b'{"signature": 1, "event-data": {}}', 422),
    ],
)
async def test_a_body_that_is_no_event_is_refused(mailgun: httpx.AsyncClient, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await mailgun.post(PATH, content=body, headers=headers)).status_code == status
    assert (await mailgun.post(PATH, content=body, headers={"Content-Type": "text/plain"})).status_code == 415


async def test_an_unknown_kind_of_event_does_nothing(mailgun: httpx.AsyncClient) -> None:
    data: dict[str, Any]
    for data in (
        {},
        {"event": "delivered"},
        {"event": ["delivered"]},
        {"event": "delivered", "message": []},
        {"event": "delivered", "message": {"headers": {"message-id": 5}}},
        {"event": "failed", "severity": {}, "message": {"headers": {"message-id": "x"}}},
    ):
        assert (await mailgun.post(PATH, json={"signature": signed(), "event-data": data})).status_code == 200
        assert report_of(data) is None


@pytest.mark.parametrize("recipient", [None, 5, "no address", "a" * 400 + "@b.c"])
async def test_only_addresses_are_suppressed(mailgun: httpx.AsyncClient, database: Database, recipient: object) -> None:
    await add_mail(database)
    answer = await mailgun.post(PATH, json=event("complained", recipient=recipient))
    assert answer.status_code == 200
    assert (await state(database), await suppressed(database)) == (("complained", None), [])


async def test_another_method_needs_no_key_to_be_refused(mailgun: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "INSERT INTO api_keys (name, sha256) VALUES ('a', 'b')")
    for method in ("GET", "TRACE", "DELETE"):
        answer = await mailgun.request(method, PATH)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_the_events_need_no_key_when_others_do(mailgun: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "INSERT INTO api_keys (name, sha256) VALUES ('a', 'b')")
    assert (await mailgun.post(PATH, json=event("delivered"))).status_code == 200
    # Nor does it matter from where they come.
    headers = {"X-Forwarded-For": "192.0.2.1", "Host": "precieux.example.org"}
    assert (await mailgun.post(PATH, json=event("delivered"), headers=headers)).status_code == 200
