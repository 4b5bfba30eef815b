"""The mail loop: claims mails, hands them to the mailer, and records the provider's answers."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from job_runner.emails import queue
from job_runner.emails.complete import Completion
from job_runner.emails.queue import ClaimedEmail
from job_runner.group_commit import GroupCommit
from job_runner.mailers.base import Mailer
from shared import channels, metrics
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable, MailerUnavailable, MailRefused, StoreUnavailable
from shared.lifecycle import wait_any
from shared.logging import get_logger
from shared.retry import RetryPolicy

log = get_logger(__name__)

_BATCH: Final = 10
#: The most seconds for one mail, in all exchanges of its mailer with the provider.
_SEND_SECONDS: Final = 30.0
#: Longer than `_SEND_SECONDS`, so no living sender loses its lease. A dead one is noticed after this.
LEASE_SECONDS: Final = 40.0
#: Seconds to wait after an error that every other mail would meet too, such as a refused account.
_PAUSE_SECONDS: Final = 60.0
#: The delays between attempts to record a mail that the provider has accepted. All are shorter than `GRACE_SECONDS`.
_RECORDING: Final = RetryPolicy(base=0.1, cap=2)


class Sender:
    """Sends queued mails. Any number of senders may run at once."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        completion: Completion,
        *,
        poll_interval: float,
        send_seconds: float = _SEND_SECONDS,
        fill_in: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`fill_in` fills in mails that the API has ordered, and returns how many that were."""
        self._fill_in = fill_in
        self._database = database
        self._mailer = mailer
        self._completion = completion
        self._poll_interval = poll_interval
        self._send_seconds = send_seconds
        # Mails are sent within a minute after an outage of the provider.
        self._policy = RetryPolicy(base=2, cap=60)
        self._rng = random.Random()  # noqa: S311
        self._sent = GroupCommit(self._mark_sent)
        self._stop = asyncio.Event()
        #: True after an error that every other mail would meet too.
        self._pauses = False

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; a mail under way is finished first."""
        self._stop = stop
        async with self._database.listen(channels.EMAILS) as notified:
            while not stop.is_set():
                notified.clear()
                try:
                    timeout = await self.run_once()
                except DatabaseUnavailable as exc:
                    log.warning("sender.waiting", error=str(exc), next_try_s=1)
                    timeout = 1.0
                if self._pauses:
                    await wait_any(stop, timeout=_PAUSE_SECONDS)
                else:
                    await wait_any(stop, notified, timeout=min(timeout, self._poll_interval))

    async def run_once(self) -> float:
        """Send one batch. Return the seconds to wait until the next."""
        self._pauses = False
        filled_in = await self._fill_in() if self._fill_in else 0
        async with self._database.connection() as connection:
            claimed = await queue.claim(connection, limit=_BATCH, lease_seconds=LEASE_SECONDS)
            due = await queue.seconds_until_due(connection) if not claimed else 0.0
        pauses = await asyncio.gather(*(self._send(mail) for mail in claimed), return_exceptions=True)
        for pause in pauses:
            if isinstance(pause, BaseException):
                raise pause
        if any(pauses):
            self._pauses = True
            return _PAUSE_SECONDS
        if len(claimed) == _BATCH or filled_in:
            return 0.0
        # Another sender may hold the rows that are due, so a minimum wait avoids a busy loop.
        return max(due, 0.05) if due is not None else self._poll_interval

    async def _send(self, mail: ClaimedEmail) -> bool:
        """Send one mail and record the result. Return True if the mailer needs a pause."""
        if mail.suppressed:
            async with self._database.connection() as connection:
                await queue.mark_suppressed(connection, mail.lease_id)
            metrics.MAILS.labels("suppressed").inc()
            log.info("mail.suppressed", **_context(mail))
            return False
        if mail.crashes >= queue.MAX_CRASHES:
            await self._refuse(mail, f"the sender stopped while it sent this mail, {mail.crashes} times")
            return False
        try:
            provider_id = await self._hand_over(mail)
        except MailRefused as exc:
            await self._refuse(mail, str(exc))
            return False
        except MailerUnavailable as exc:
            await self._retry_later(mail, exc)
            return exc.pause
        except Exception as exc:
            # A defect of ours. Without this, the mail would wait for its lease to expire, and count as a crash.
            metrics.MAILS.labels("retried").inc()
            log.exception("mail.crashed", **_context(mail))
            delay = self._policy.delay(mail.attempt, self._rng)
            await self._queue_again(mail, delay=delay, error=f"an error of ours ({type(exc).__name__})")
            return False
        await self._record_sent(mail, provider_id)
        metrics.MAILS.labels("sent").inc()
        log.info("mail.sent", **_context(mail))
        return False

    async def _refuse(self, mail: ClaimedEmail, error: str) -> None:
        metrics.MAILS.labels("refused").inc()
        log.error("mail.refused", **_context(mail), error=error)
        async with self._database.connection() as connection:
            await queue.mark_refused(connection, mail.lease_id, error)

    async def _retry_later(self, mail: ClaimedEmail, error: MailerUnavailable) -> None:
        metrics.MAILS.labels("paused" if error.pause else "retried").inc()
        delay = self._policy.delay(mail.attempt, self._rng, at_least=error.retry_after)
        if error.pause:
            delay = _PAUSE_SECONDS
            log.error("mail.paused", **_context(mail), error=str(error), next_try_s=delay)
        else:
            log.warning("mail.retrying", **_context(mail), error=str(error), next_try_s=round(delay, 1))
        await self._queue_again(mail, delay=delay, error=str(error))

    async def _queue_again(self, mail: ClaimedEmail, *, delay: float, error: str) -> None:
        async with self._database.connection() as connection:
            await queue.retry_later(connection, mail.lease_id, delay=delay, error=error)

    async def _hand_over(self, mail: ClaimedEmail) -> str:
        try:
            async with asyncio.timeout(self._send_seconds):
                return await self._mailer.send(await self._completion.complete(mail))
        except StoreUnavailable as exc:
            raise MailerUnavailable(f"An attached file cannot be read: {exc}") from exc
        except TimeoutError as exc:
            raise MailerUnavailable(f"the mailer took longer than {self._send_seconds:g} s") from exc

    async def _record_sent(self, mail: ClaimedEmail, provider_id: str) -> None:
        """Record that a mail was sent, else it is sent again. Try again while the database is unavailable.

        Only a service that stops gives up, after the time of a lease.
        """
        deadline = time.monotonic() + LEASE_SECONDS
        attempt = 0
        while True:
            try:
                await self._sent.write((mail.id, provider_id))
            except DatabaseUnavailable as exc:
                if self._stop.is_set() and time.monotonic() > deadline:
                    raise
                attempt += 1
                log.warning("mail.not_recorded", mail=mail.id, attempt=attempt, error=str(exc))
                await asyncio.sleep(_RECORDING.delay(attempt, self._rng))
            else:
                return

    async def _mark_sent(self, sent: Sequence[tuple[int, str]]) -> list[None]:
        async with self._database.connection() as connection:
            await queue.mark_sent(connection, sent)
        return [None] * len(sent)


def _context(mail: ClaimedEmail) -> dict[str, object]:
    """Return what every log record about a mail names."""
    return {"message_id": mail.email.message_id, "mail": mail.id, "job": mail.job, "attempt": mail.attempt}
