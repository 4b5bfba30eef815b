"""Judge0's callbacks in the webhook loop, on a real Postgres, with a real receiver on this machine."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from job_runner.webhooks.body import Bodies
from job_runner.webhooks.delivery import Deliverer
from job_runner.webhooks.sender import WebhookSender
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.judge0.callbacks import CALLBACK, CALLBACK_TRIES
from shared.records.resources.links import Links
from tests.fixtures.webhook_receiver import answer, receiving
from tests.integration.job_runner.webhook_rows import run_once
from tests.integration.rows import add_upload, execute, fetch

#: The part of a stored request that a callback needs.
REQUEST = {
    "cpu_time_limit": 5.0, "cpu_extra_time": 1.0, "wall_time_limit": 10.0,
    "language_id": 71, "language": "Python", "source_file": "script.py",
}  # fmt: skip


@pytest.fixture
async def sender(database: Database, tmp_path: Path) -> AsyncIterator[WebhookSender]:
    """Yield a sender whose operator allows no address that is not public, and has no secret."""
    signer = LinkSigner(b"k" * 32, "http://api")
    deliverer = Deliverer(WebhookSettings().egress)
    bodies = Bodies(Links(signer), LocalStore(tmp_path, signer))
    yield WebhookSender(database, deliverer, bodies.render, WebhookSettings(), poll_interval=3600)
    await deliverer.close()


async def add_callback(database: Database, url: str, **guards_callback: object) -> None:
    upload = await add_upload(database, outcome="failed")
    await execute(
        database,
        "INSERT INTO judge0_submissions (upload, request) VALUES (:upload, CAST(:request AS jsonb))",
        upload=upload,
        request=json.dumps({**REQUEST, **guards_callback}),
    )
    await execute(
        database,
        "INSERT INTO webhooks (upload, run, type, url) VALUES (:upload, 1, :type, :url)",
        upload=upload,
        type=CALLBACK,
        url=url,
    )


async def attempt(database: Database, sender: WebhookSender) -> dict[str, Any]:
    """Make one attempt at once, and return the row after it."""
    await execute(database, "UPDATE webhooks SET run_after = now()")
    await run_once(sender)
    [row] = await fetch(database, "SELECT status, attempt, last_status, last_error FROM webhooks")
    return row


async def test_any_answer_to_a_callback_will_do(database: Database, sender: WebhookSender) -> None:
    async with receiving() as receiver:
        receiver.answers.append(answer(500))
        await add_callback(database, receiver.url, guards_callback=False)
        row = await attempt(database, sender)
    assert (row["status"], row["attempt"], row["last_status"]) == ("delivered", 1, 500)
    [request] = receiver.received
    assert request.line.startswith("PUT /hook ")
    assert json.loads(request.body)["status"] == {"id": 13, "description": "Internal Error"}
    assert not any(name.startswith("webhook-") for name in request.headers)


async def test_a_callback_is_tried_three_times(database: Database, sender: WebhookSender) -> None:
    async with receiving() as receiver:
        url = receiver.url
    await add_callback(database, url, guards_callback=False)
    statuses = [(await attempt(database, sender))["status"] for _ in range(CALLBACK_TRIES)]
    assert statuses == ["pending", "pending", "failed"]


@pytest.mark.parametrize(
    "guards_callback", [{"guards_callback": True}, {}, {"guards_callback": None}], ids=["true", "missing", "null"]
)
async def test_a_guarded_callback_reaches_no_private_address(
    database: Database, sender: WebhookSender, guards_callback: dict[str, object]
) -> None:
    """So does one of which it is unknown, such as one from before an upgrade."""
    async with receiving() as receiver:
        await add_callback(database, receiver.url, **guards_callback)
        row = await attempt(database, sender)
    assert "the URL is refused" in row["last_error"]
    assert receiver.received == []
