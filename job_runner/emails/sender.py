"""The mail loop: claims mails, hands them to the mailer, and records what the provider said."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from job_runner.emails import queue
from job_runner.emails.foot import Foot
from job_runner.emails.queue import ClaimedEmail
from job_runner.group_commit import GroupCommit
from job_runner.mailers.base import Email, Mailer
from shared import metrics
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable, MailerUnavailable, MailRefused
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.retry import RetryPolicy
from shared.storage.signing import LinkSigner

log = get_logger(__name__)

_BATCH: Final = 10
#: How long one mail may take, however many exchanges its mailer has with the provider.
_SEND_SECONDS: Final = 30.0
#: Longer than that, so no living sender loses its lease; one that died is noticed after this.
_LEASE_SECONDS: Final = 40.0
#: How long to leave a provider alone whose account or address is at fault.
_PAUSE_SECONDS: Final = 60.0
#: When to try again to record what the provider has accepted.
_RECORDING: Final = RetryPolicy(base=0.1, cap=2)


class Sender:
    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        signer: LinkSigner,
        foot: Foot,
        *,
        poll_interval: float,
        send_seconds: float = _SEND_SECONDS,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._signer = signer
        self._foot = foot
        self._poll_interval = poll_interval
        self._send_seconds = send_seconds
        self._policy = RetryPolicy(base=2, cap=300)
        self._rng = random.Random()  # noqa: S311
        self._sent = GroupCommit(self._mark_sent)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; a mail under way is finished first."""
        async with self._database.listen("precieux_emails") as notified:
            while not stop.is_set():
                notified.clear()
                try:
                    timeout = await self.run_once()
                except DatabaseUnavailable as exc:
                    log.warning("sender.waiting", error=str(exc), next_try_s=1)
                    timeout = 1.0
                await wait_any(stop, notified, timeout=min(timeout, self._poll_interval))

    async def run_once(self) -> float:
        """Send one batch; returns how long to wait for the next look."""
        async with self._database.connection() as connection:
            claimed = await queue.claim(connection, limit=_BATCH, lease_seconds=_LEASE_SECONDS)
            due = await queue.seconds_until_due(connection) if not claimed else 0.0
        pauses = await asyncio.gather(*(self._send(mail) for mail in claimed), return_exceptions=True)
        for pause in pauses:
            if isinstance(pause, BaseException):
                raise pause
        if any(pauses):
            return _PAUSE_SECONDS
        if len(claimed) == _BATCH:
            return 0.0
        # Another sender may hold the rows that look due: no busy loop then.
        return max(due, 0.05) if due is not None else self._poll_interval

    async def _send(self, mail: ClaimedEmail) -> bool:
        """Send one mail and record its fate; True when the mailer should be left alone for a while."""
        context = {"message_id": mail.email.message_id, "job": mail.job, "attempt": mail.attempt}
        if mail.suppressed:
            async with self._database.connection() as connection:
                await queue.mark_suppressed(connection, mail.lease_id)
            metrics.MAILS.labels("suppressed").inc()
            log.info("mail.suppressed", **context)
            return False
        if mail.crashes >= queue.MAX_CRASHES:
            error = f"the sender stopped while it sent this mail, {mail.crashes} times"
            async with self._database.connection() as connection:
                await queue.mark_refused(connection, mail.lease_id, error)
            metrics.MAILS.labels("refused").inc()
            log.error("mail.refused", **context, error=error)
            return False
        unsubscribe = self._signer.unsubscribe_link(mail.email.recipient)
        try:
            provider_id = await self._hand_over(self._foot.below(replace(mail.email, unsubscribe=unsubscribe)))
        except MailRefused as exc:
            metrics.MAILS.labels("refused").inc()
            log.error("mail.refused", **context, error=str(exc))
            async with self._database.connection() as connection:
                await queue.mark_refused(connection, mail.lease_id, str(exc))
            return False
        except MailerUnavailable as exc:
            metrics.MAILS.labels("paused" if exc.pause else "retried").inc()
            delay = self._policy.delay(mail.attempt, self._rng, at_least=exc.retry_after)
            if exc.pause:
                delay = _PAUSE_SECONDS
                log.error("mail.paused", **context, error=str(exc), seconds=delay)
            else:
                log.warning("mail.retrying", **context, error=str(exc), delay_s=round(delay, 1))
            async with self._database.connection() as connection:
                await queue.retry_later(connection, mail.lease_id, delay=delay, error=str(exc))
            return exc.pause
        except Exception as exc:
            # A defect of ours must not hold the mail until its lease expires, as if its sender had died.
            metrics.MAILS.labels("retried").inc()
            log.exception("mail.crashed", **context)
            async with self._database.connection() as connection:
                await queue.retry_later(
                    connection,
                    mail.lease_id,
                    delay=self._policy.delay(mail.attempt, self._rng),
                    error=f"an error of ours ({type(exc).__name__})",
                )
            return False
        await self._record_sent(mail, provider_id)
        metrics.MAILS.labels("sent").inc()
        log.info("mail.sent", **context)
        return False

    async def _hand_over(self, email: Email) -> str:
        try:
            async with asyncio.timeout(self._send_seconds):
                return await self._mailer.send(email)
        except TimeoutError as exc:
            raise MailerUnavailable(f"the mailer took longer than {self._send_seconds:g} s") from exc

    async def _record_sent(self, mail: ClaimedEmail, provider_id: str) -> None:
        """Keep trying while the database is away: what is not recorded is sent again when the lease has expired."""
        deadline = time.monotonic() + _LEASE_SECONDS
        attempt = 0
        while True:
            try:
                await self._sent.write((mail.id, provider_id))
            except DatabaseUnavailable as exc:
                if time.monotonic() > deadline:
                    raise
                attempt += 1
                log.warning("mail.not_recorded", job=mail.job, attempt=attempt, error=str(exc))
                await asyncio.sleep(_RECORDING.delay(attempt, self._rng))
            else:
                return

    async def _mark_sent(self, sent: Sequence[tuple[int, str]]) -> list[None]:
        async with self._database.connection() as connection:
            await queue.mark_sent(connection, sent)
        return [None] * len(sent)
