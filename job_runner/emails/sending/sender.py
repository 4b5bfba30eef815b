"""The mail loop: claims mails, hands them to the mailer, and records the provider's answers."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from job_runner.emails.mailers.base import Mailer
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.sending import queue
from job_runner.emails.sending.complete import MailCompletion
from job_runner.emails.sending.outage import POLICY, Outage
from job_runner.emails.sending.queue import ClaimedEmail
from job_runner.leases.lag import Lag
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.database.group_commit import GroupCommit
from shared.common.service import metrics
from shared.common.service.background import in_background, wait_any
from shared.common.service.errors import DatabaseUnavailable, StoreUnavailable
from shared.common.service.logging import get_logger
from shared.common.service.retry import RetryPolicy
from shared.records.resources.states import MailState

log = get_logger(__name__)

#: Mails that are sent at once.
_BATCH: Final = 10
#: Seconds to wait after a round. The first mail is sent at once, and those that follow closely are claimed together.
_PACE_SECONDS: Final = 0.05
#: Do not wait longer than this for slow mails before the next round or the end of the service.
_ROUND_SECONDS: Final = 30.0
#: The most seconds for one mail: ten minutes for the provider's answer, and some for what comes before it.
_SEND_SECONDS: Final = 660.0
#: A dead sender is noticed after this. A living one extends its leases.
LEASE_SECONDS: Final = 40.0
#: A service that stops tries as long to record a mail that was sent.
_RECORDING_SECONDS: Final = LEASE_SECONDS
#: Seconds between the tries of a mail that may have left. They give a provider time, and an operator.
UNCERTAIN_PAUSES: Final = (60.0, 600.0, 3600.0, 4 * 3600.0)
#: The delays between attempts to record a mail that the provider has accepted. All are shorter than `GRACE_SECONDS`.
_RECORDING: Final = RetryPolicy(base=0.1, cap=2)


class MailSender:
    """Sends queued mails. Any number of senders may run at once."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        completion: MailCompletion,
        *,
        poll_interval: float,
        render_pending: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`render_pending` renders the mails that the API has asked for, and returns how many that were."""
        self._render_pending = render_pending
        self._database = database
        self._mailer = mailer
        self._completion = completion
        self._poll_interval = poll_interval
        self._outage = Outage()
        self._lag = Lag()
        self._sent = GroupCommit(self._mark_sent)
        self._stop = asyncio.Event()
        #: Mails under way.
        self._sending: set[asyncio.Task[None]] = set()
        #: Set when a mail ends that took longer than its round.
        self._ended = asyncio.Event()
        #: True if the last claim may have taken the mail of a dead sender. The next one goes on with other mails.
        self._took_suspect = False

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; a mail under way is finished first, unless it takes long."""
        self._stop = stop
        try:
            async with self._database.listen(channels.EMAILS) as notified:
                notified.clear()
                while not stop.is_set():
                    try:
                        timeout = await self.run_once()
                    except DatabaseUnavailable as exc:
                        log.warning("sender.waiting", error=str(exc), next_try_s=1)
                        timeout = 1.0
                    if pause := self._outage.pause.seconds:
                        await wait_any(stop, timeout=pause)
                    else:
                        await wait_any(stop, timeout=min(timeout, _PACE_SECONDS))
                        timeout = min(timeout, self._poll_interval)
                        await self._lag.wait(notified, stop, self._ended, timeout=timeout)
        finally:
            # The leases of these end, and another sender counts them as mails that may have left.
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)
            # After an error the loop begins again, and must not find them.
            self._sending.clear()

    async def run_once(self) -> float:
        """Send one batch, and render what the API has asked for. Return the seconds to wait until the next."""
        free = self._outage.pause.limit(_BATCH - len(self._sending), 0)
        claimed = await self._claim(free) if free else []
        self._lag.note(len(claimed))
        batch = {asyncio.create_task(self._send(mail)) for mail in claimed}
        for task in batch:
            task.add_done_callback(lambda _: self._ended.set())
        self._sending |= batch
        if batch:
            await asyncio.wait(batch, timeout=_ROUND_SECONDS)
        elif self._sending and not free:
            await asyncio.wait(self._sending, timeout=_ROUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        self._ended.clear()
        ended = {task for task in self._sending if task.done()}
        self._sending -= ended
        for failed in filter(None, [task.exception() for task in ended]):
            raise failed
        if pause := self._outage.pause.seconds:
            return pause
        seconds, is_pending = await self._database.call(queue.next_due)
        rendered = await self._render_pending() if is_pending and self._render_pending else 0
        if len(claimed) == free or rendered:
            return 0.0
        # Another sender may hold the rows that are due, so a minimum wait avoids a busy loop.
        return max(seconds, 0.05)

    async def _claim(self, limit: int) -> list[ClaimedEmail]:
        claimed = await self._database.call(
            queue.claim,
            limit=limit,
            lease_seconds=LEASE_SECONDS,
            suspects=not self._took_suspect,
            is_probe=not self._outage.pause.is_over,
        )
        self._took_suspect = any(mail.crashes for mail in claimed)
        return claimed

    async def _send(self, mail: ClaimedEmail) -> None:
        if mail.suppressed:
            await self._end(mail, MailState.SUPPRESSED)
            return
        if mail.crashes >= queue.MAX_COPIES:
            await self._end(mail, MailState.UNCERTAIN, "the sender stopped while it sent this mail")
            return
        try:
            provider_id = await self._hand_over(mail)
        except (MailRefused, MailerUnavailable) as exc:
            await self._failed(mail, exc)
            return
        except Exception as exc:
            # A defect of ours. Without this, the mail would wait for its lease to expire, and count as a crash.
            log.exception("mail.crashed", **_context(mail))
            await self._retry_later(mail, MailerUnavailable(f"an internal error ({type(exc).__name__})"))
            return
        if provider_id is None:
            return
        delayed = self._outage.end()
        await self._record_sent(mail, provider_id)
        metrics.MAILS.labels("sent").inc()
        log.info("mail.sent", **_context(mail))
        if delayed:
            await self._database.call(queue.bring_forward, delayed)

    async def _failed(self, mail: ClaimedEmail, error: MailRefused | MailerUnavailable) -> None:
        """Record a failure: the mail is given up, or waits by itself, or stays due while all mails wait."""
        is_shared = self._outage.begins(mail, error)
        if isinstance(error, MailRefused):
            if not is_shared:
                await self._end(mail, MailState.REFUSED, str(error))
                return
            error = MailerUnavailable(str(error), blame=Blame.ACCOUNT)
        if error.uncertain and mail.crashes + 1 >= queue.MAX_COPIES:
            await self._end(mail, MailState.UNCERTAIN, str(error))
        else:
            await self._retry_later(mail, error, is_shared=is_shared)

    async def _end(self, mail: ClaimedEmail, state: MailState, error: str | None = None) -> None:
        metrics.MAILS.labels(state).inc()
        (log.error if error else log.info)(f"mail.{state}", **_context(mail), error=error)
        await self._database.call(queue.end, mail.lease_id, state, error)

    async def _retry_later(self, mail: ClaimedEmail, error: MailerUnavailable, *, is_shared: bool = False) -> None:
        metrics.MAILS.labels("paused" if error.blame is Blame.ACCOUNT else "retried").inc()
        delay = 0.0 if is_shared else POLICY.delay(mail.attempt)
        if error.uncertain:
            delay = max(delay, UNCERTAIN_PAUSES[mail.crashes])
        write = log.error if error.blame is Blame.ACCOUNT else log.warning
        write("mail.retrying", **_context(mail), error=str(error), next_try_s=round(delay, 1))
        await self._database.call(
            queue.retry_later, mail.lease_id, delay=delay, error=str(error), uncertain=error.uncertain
        )

    async def _hand_over(self, mail: ClaimedEmail) -> str | None:
        """Return the provider's id of the mail; None if another sender has claimed the mail meanwhile."""
        try:
            async with asyncio.timeout(_ROUND_SECONDS):
                email = await self._completion.complete(mail)
        except StoreUnavailable as exc:
            raise MailerUnavailable(f"An attached file cannot be read: {exc}") from exc
        except TimeoutError as exc:
            raise MailerUnavailable(f"the mail was not ready within {_ROUND_SECONDS:g} s") from exc
        # A process that was busy or suspended has its mail still, unless another sender has claimed it.
        if time.monotonic() >= mail.lease_ends - LEASE_SECONDS / 2 and not await self._extend(mail):
            log.warning("mail.lease_lost", **_context(mail))
            return None
        try:
            async with in_background(self._keep_lease(mail)), asyncio.timeout(_SEND_SECONDS):
                return await self._mailer.send(email)
        except TimeoutError as exc:
            raise MailerUnavailable(
                f"the mailer took longer than {_SEND_SECONDS:g} s", blame=Blame.PROVIDER, uncertain=True
            ) from exc

    async def _keep_lease(self, mail: ClaimedEmail) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(DatabaseUnavailable):
                await self._extend(mail)

    async def _extend(self, mail: ClaimedEmail) -> bool:
        return await self._database.call(queue.extend, mail, lease_seconds=LEASE_SECONDS)

    async def _record_sent(self, mail: ClaimedEmail, provider_id: str) -> None:
        """Record that a mail was sent, else it is sent again. Try again while the database is unavailable.

        Only a service that stops gives up, after the time of a lease.
        """
        deadline = time.monotonic() + _RECORDING_SECONDS
        attempt = 0
        while True:
            try:
                await self._sent.write((mail.id, provider_id))
            except DatabaseUnavailable as exc:
                if self._stop.is_set() and time.monotonic() > deadline:
                    raise
                attempt += 1
                log.warning("mail.not_recorded", mail=mail.id, attempt=attempt, error=str(exc))
                await asyncio.sleep(_RECORDING.delay(attempt))
            else:
                return

    async def _mark_sent(self, sent: Sequence[tuple[int, str]]) -> list[None]:
        await self._database.call(queue.mark_sent, sent)
        return [None] * len(sent)


def _context(mail: ClaimedEmail) -> dict[str, object]:
    return {"message_id": mail.email.message_id, "mail": mail.id, "job": mail.job, "attempt": mail.attempt}
