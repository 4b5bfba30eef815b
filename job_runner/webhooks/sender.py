"""The webhook loop: claims due webhooks, delivers them, and records the answers.

Deliveries are independent tasks. Their number is bounded, for each host and in all, so a slow receiver delays only its
own webhooks.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from job_runner.leases.claim import LeaseLost
from job_runner.leases.lag import Lag
from job_runner.webhooks import queue
from job_runner.webhooks.delivery import Deliverer, WebhookAnswer, WebhookMessage
from job_runner.webhooks.delivery_policy import ATTEMPT_SECONDS, WEBHOOK, DeliveryPolicy, callback
from job_runner.webhooks.queue import ClaimedWebhook
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.common.service import metrics
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.logging import get_logger
from shared.records.accounts.webhooks import WebhookSettings, signing_secrets
from shared.records.judge0.callbacks import CALLBACK, is_guarded

log = get_logger(__name__)

_SLOTS: Final = 64
_SLOTS_PER_HOST: Final = 4
#: Longer than an attempt and the writes around it, so no living sender loses its lease.
LEASE_SECONDS: Final = ATTEMPT_SECONDS + 15
#: The seconds that attempts under way get when the runner stops. They are made again if they need more.
_DRAIN_SECONDS: Final = 5.0

#: Returns the body of a webhook; None if what it is about was deleted.
Render = Callable[[Connection, ClaimedWebhook], Awaitable[str | None]]


class WebhookSender:
    """Delivers webhooks. Any number of senders may run at once."""

    def __init__(
        self,
        database: Database,
        deliverer: Deliverer,
        render: Render,
        settings: WebhookSettings,
        *,
        poll_interval: float,
    ) -> None:
        self._database = database
        self._deliverer = deliverer
        self._render = render
        self._settings = settings
        self._poll_interval = poll_interval
        self._under_way: dict[asyncio.Task[None], ClaimedWebhook] = {}
        self._slot_free = asyncio.Event()
        self._lag = Lag()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`."""
        try:
            async with self._database.listen(channels.WEBHOOKS) as notified:
                notified.clear()
                while not stop.is_set():
                    self._slot_free.clear()
                    try:
                        timeout = await self.claim()
                    except DatabaseUnavailable as exc:
                        log.warning("webhooks.waiting", error=str(exc), next_try_s=1)
                        timeout = 1.0
                    timeout = min(timeout, self._poll_interval)
                    await self._lag.wait(notified, stop, self._slot_free, timeout=timeout)
        finally:
            await self._drain()

    async def claim(self) -> float:
        """Begin to deliver what is due, as far as there are slots. Return the seconds until more may be due."""
        free = _SLOTS - len(self._under_way)
        if not free:
            return self._poll_interval
        async with self._database.connection() as connection:
            claimed = await queue.claim(
                connection,
                limit=free,
                per_host=_SLOTS_PER_HOST,
                lease_seconds=LEASE_SECONDS,
                busy_hosts=Counter(webhook.host for webhook in self._under_way.values()),
                busy_owners=Counter(webhook.owner or 0 for webhook in self._under_way.values()),
            )
            self._lag.note(len(claimed))
            due = await queue.seconds_until_due(connection)
        for webhook in claimed:
            task = asyncio.create_task(self._deliver(webhook))
            self._under_way[task] = webhook
            task.add_done_callback(self._ended)
        # A minimum, because the clocks of the database and of this machine differ.
        return max(due, 0.05)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._slot_free.set()

    async def _deliver(self, webhook: ClaimedWebhook) -> None:
        """Make one attempt and record it. If it cannot be recorded, its lease expires, and it is made again."""
        try:
            message = await self._prepare(webhook)
            if message is None:
                await self._fail(webhook, WebhookAnswer(error="its submission or batch was deleted"))
            elif message.policy.is_signed and not message.secrets:
                error = "there is no secret to sign with: set PRECIEUX_WEBHOOK_SECRET, or rotate the key's"
                await self._record(webhook, WebhookAnswer(error=error))
            else:
                await self._record(webhook, await self._deliverer.deliver(webhook.url, message), message.policy)
        except LeaseLost:
            log.info("webhook.lease_lost", **_context(webhook))
        except asyncio.CancelledError:
            await self._try_to(queue.release, webhook)
        except DatabaseUnavailable as exc:
            log.warning("webhook.not_recorded", **_context(webhook), error=str(exc))
        except Exception as exc:
            # A defect of ours. Without this, the webhook would be tried again after each lease, without end.
            log.exception("webhook.crashed", **_context(webhook))
            with contextlib.suppress(DatabaseUnavailable):
                await self._give_back(webhook, WebhookAnswer(error=f"an internal error ({type(exc).__name__})"))

    async def _prepare(self, webhook: ClaimedWebhook) -> WebhookMessage | None:
        """Return the message; None if there is nothing to send. Its body is rendered and stored at the first attempt.

        Raise `LeaseLost` if another sender may have stored another body meanwhile.
        """
        async with self._database.transaction() as connection:
            policy = await _policy_of(connection, webhook)
            secrets = await signing_secrets(connection, webhook.owner, self._settings) if policy.is_signed else []
            body = webhook.body
            if body is None:
                body = await self._render(connection, webhook)
                if body is not None and not await queue.keep_body(connection, webhook, body):
                    raise LeaseLost
        return None if body is None else WebhookMessage(webhook.message, body, secrets, policy)

    async def _record(self, webhook: ClaimedWebhook, answer: WebhookAnswer, policy: DeliveryPolicy = WEBHOOK) -> None:
        if answer.error is None and answer.status is not None:
            metrics.WEBHOOKS.labels("delivered").inc()
            log.info("webhook.delivered", **_context(webhook), status=answer.status)
            await self._database.call(queue.mark_delivered, webhook, answer.status)
            await self._try_to(queue.bring_forward, webhook)
        elif answer.status == HTTPStatus.GONE:
            metrics.WEBHOOKS.labels("gone").inc()
            log.info("webhook.gone", **_context(webhook))
            error = "the receiver answered HTTP 410: it wants no more"
            await self._database.call(queue.mark_gone, webhook, status=HTTPStatus.GONE, error=error)
        else:
            await self._give_back(webhook, answer, policy)

    async def _give_back(
        self, webhook: ClaimedWebhook, answer: WebhookAnswer, policy: DeliveryPolicy = WEBHOOK
    ) -> None:
        """Give a webhook back after a failed attempt, or end it after the last."""
        delay = policy.next_delay(webhook.attempt, at_least=answer.retry_after)
        if delay is None:
            await self._fail(webhook, answer)
            return
        metrics.WEBHOOKS.labels("retried").inc()
        error = answer.error or ""
        log.info("webhook.retrying", **_context(webhook), status=answer.status, error=error, next_try_s=round(delay, 1))
        await self._database.call(queue.retry_later, webhook, delay=delay, status=answer.status, error=error)

    async def _fail(self, webhook: ClaimedWebhook, answer: WebhookAnswer) -> None:
        metrics.WEBHOOKS.labels("failed").inc()
        log.warning("webhook.failed", **_context(webhook), status=answer.status, error=answer.error)
        await self._database.call(queue.mark_failed, webhook, status=answer.status, error=answer.error or "")

    async def _try_to(
        self, make_due: Callable[[Connection, ClaimedWebhook], Awaitable[None]], webhook: ClaimedWebhook
    ) -> None:
        """Make this webhook, or others, due sooner. If this fails, they come at their own time."""
        try:
            await self._database.call(make_due, webhook)
        except DatabaseUnavailable as exc:
            log.warning("webhook.not_made_due", **_context(webhook), error=str(exc))

    async def _drain(self) -> None:
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=_DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


async def _policy_of(connection: Connection, webhook: ClaimedWebhook) -> DeliveryPolicy:
    if webhook.type != CALLBACK or webhook.upload is None:
        return WEBHOOK
    return callback(is_guarded=await is_guarded(connection, webhook.upload))


def _context(webhook: ClaimedWebhook) -> dict[str, object]:
    return {
        "webhook": webhook.id,
        "type": webhook.type,
        "upload": webhook.upload,
        "batch": webhook.batch,
        "host": webhook.host,
        "attempt": webhook.attempt,
    }
