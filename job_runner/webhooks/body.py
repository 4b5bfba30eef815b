"""Renders the body of a webhook: the event's type and time, and the resource as the API shows it."""

import json
from typing import Final

from job_runner.webhooks.queue import ClaimedWebhook
from shared.database.connection import Connection
from shared.resources.batches import batch
from shared.resources.links import Links
from shared.resources.models import Resource, rfc3339
from shared.resources.read import submission

#: Each text of a submission is cut to this many bytes.
TEXT_LIMIT: Final = 4 << 10


class Bodies:
    """Renders bodies; `links` are those that the API sends."""

    def __init__(self, links: Links) -> None:
        self._links = links

    async def render(self, connection: Connection, webhook: ClaimedWebhook) -> str | None:
        """Return the body; None if its submission or batch was deleted."""
        resource = await self._resource(connection, webhook)
        if resource is None:
            return None
        body = {
            "type": webhook.type,
            "timestamp": rfc3339(webhook.created_at),
            "data": resource.model_dump(mode="json"),
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    async def _resource(self, connection: Connection, webhook: ClaimedWebhook) -> Resource | None:
        if webhook.upload is not None:
            # A submission that was cancelled before its first run has none.
            run = webhook.run or None
            return await submission(connection, webhook.upload, links=self._links, run=run, text_limit=TEXT_LIMIT)
        return await batch(connection, webhook.batch, links=self._links) if webhook.batch is not None else None
