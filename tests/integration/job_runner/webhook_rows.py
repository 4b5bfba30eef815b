"""Webhooks for tests of the runner."""

import asyncio

from pydantic import SecretStr

from job_runner.webhooks.sender import WebhookSender
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.records.accounts.webhooks import WebhookSettings, new_secret
from tests.integration.rows import fetch

SECRET = new_secret()
SETTINGS = WebhookSettings(webhook_secret=SecretStr(SECRET), webhook_allowed_hosts="127.0.0.1,127.0.0.2,127.0.0.3")


async def add_webhook(
    database: Database,
    url: str,
    *,
    upload: int | None = None,
    owner: int | None = None,
    body: str | None = "{}",
) -> int:
    """Queue a webhook; return its number."""
    [row] = await fetch(
        database,
        "INSERT INTO webhooks (owner, upload, run, type, url, body)"
        " VALUES (:owner, :upload, 1, 'submission.finished', :url, :body) RETURNING id, pg_notify(:channel, '')",
        owner=owner,
        upload=upload,
        url=url,
        body=body,
        channel=channels.WEBHOOKS,
    )
    return int(row["id"])


async def run_once(sender: WebhookSender) -> float:
    seconds = await sender.claim()
    while sender._under_way:
        await asyncio.wait(sender._under_way)
    return seconds
