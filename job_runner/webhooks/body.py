"""Renders the body of a webhook: the event's type and time, and the resource as the API shows it.

The body of a callback is the submission as Judge0 sends it.
"""

import json
from typing import Final

from job_runner.webhooks.queue import ClaimedWebhook
from shared.adapters.database.connection import Connection
from shared.adapters.storage.base import ObjectStore
from shared.records.judge0 import submissions as judge0
from shared.records.judge0.callbacks import CALLBACK
from shared.records.problems.checks import check_of_batch
from shared.records.resources.batches import batch
from shared.records.resources.links import Links
from shared.records.resources.models import Resource, rfc3339
from shared.records.resources.read import submission

#: The event of a check that has finished.
CHECKED: Final = "problem.checked"
#: Each text of a submission is cut to this many bytes.
TEXT_LIMIT: Final = 4 << 10


class Bodies:
    """Renders bodies. `links` makes the links that the API sends, and `store` has the outputs that are not text."""

    def __init__(self, links: Links, store: ObjectStore) -> None:
        self._links = links
        self._store = store

    async def render(self, connection: Connection, webhook: ClaimedWebhook) -> str | None:
        """Return the body; None if its submission or batch was deleted."""
        if webhook.type == CALLBACK:
            return await self._callback(connection, webhook.upload)
        resource = await self._resource(connection, webhook)
        if resource is None:
            return None
        body = {
            "type": webhook.type,
            "timestamp": rfc3339(webhook.created_at),
            "data": resource.model_dump(mode="json"),
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    async def _callback(self, connection: Connection, upload: int | None) -> str | None:
        values = upload and await judge0.find(connection, self._store, upload)
        return json.dumps(judge0.fields_of(values, judge0.DEFAULT, base64=True)) if values else None

    async def _resource(self, connection: Connection, webhook: ClaimedWebhook) -> Resource | None:
        if webhook.upload is not None:
            # A submission that was cancelled before its first run has none.
            run = webhook.run or None
            return await submission(connection, webhook.upload, links=self._links, run=run, text_limit=TEXT_LIMIT)
        if webhook.batch is None:
            return None
        if webhook.type == CHECKED:
            return await check_of_batch(connection, webhook.batch)
        return await batch(connection, webhook.batch, links=self._links)
