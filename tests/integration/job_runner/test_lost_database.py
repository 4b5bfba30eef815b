"""The database is away while a loop has leases: nothing under way is stopped, and no attempt is used up."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from job_runner.emails.sending import sender as mail_sender
from job_runner.emails.sending.sender import MailSender
from job_runner.engine.charges import Charges
from job_runner.problems.checks import DataChecks
from job_runner.problems.package_runs import PackageRuns
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from job_runner.settings import RunnerSettings
from job_runner.webhooks.delivery import Deliverer
from job_runner.webhooks.sender import WebhookSender
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from tests.factories import BRANDING
from tests.fixtures.webhook_receiver import answer, receiving
from tests.integration.job_runner.check_rows import add_check, store_package
from tests.integration.job_runner.engines import POLICY, PlayedEngine
from tests.integration.job_runner.mails import COMPLETION, ScriptedMailer, add_email
from tests.integration.job_runner.webhook_rows import SETTINGS, add_webhook
from tests.integration.loops import looping
from tests.integration.rows import Outage, add_job, execute, fetch
from tests.sources import ROOT, SOURCES
from tests.waiting import eventually

_CLAIM: Final = re.compile(r"lease_id = (gen_random_uuid\(\)|CAST\(:lease AS uuid\), attempt)")


@dataclass
class Work:
    """Work under a lease. It begins, and ends when it may go on. `begun` has one entry for each begin."""

    database: Database
    store: LocalStore
    begun: list[object] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, what: object) -> None:
        self.begun.append(what)
        await self.may_go_on.wait()


#: Adds a row of work, and yields the loop that does it.
Begin = Callable[[Work], AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]]


async def _job(work: Work) -> AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]:
    await add_job(work.database)
    processor = Processor(work.database, work.store, PlayedEngine(work.play), BRANDING, 3, policy=POLICY)
    yield Runner(work.database, processor, RunnerSettings(lease_seconds=1)).run


async def _check(work: Work) -> AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]:
    await add_check(work.database, "a")
    await store_package(work.store)
    runs = PackageRuns(work.store, PlayedEngine(work.play))
    yield DataChecks(work.database, runs, Charges(work.database, 1), poll_interval=3600).run


async def _mail(work: Work) -> AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]:
    class Mailer(ScriptedMailer):
        async def send(self, email: Any) -> str:
            await work.play(email.message_id)
            return await super().send(email)

    await add_email(work.database)
    yield MailSender(work.database, Mailer(), COMPLETION, poll_interval=3600).run


async def _webhook(work: Work) -> AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]:
    async def answer_late(writer: asyncio.StreamWriter) -> None:
        await work.play("webhook")
        writer.write(answer(204))

    deliverer = Deliverer(SETTINGS.egress)
    async with receiving() as receiver:
        receiver.answers = [answer_late]
        await add_webhook(work.database, receiver.url)
        yield WebhookSender(work.database, deliverer, None, SETTINGS, poll_interval=3600).run  # type: ignore[arg-type]
    await deliverer.close()


#: By the file that claims: how to begin, whether the lease is renewed, and the rows that have ended.
_LOOPS: Final[dict[str, tuple[Begin, bool, str]]] = {
    "job_runner/leases/claim.py": (_job, True, "SELECT attempt, crashes FROM job WHERE status = 'executed'"),
    "job_runner/problems/check_rows.py": (
        _check, True, "SELECT attempt, 0 AS crashes FROM problem_checks WHERE data = '[]'"
    ),
    "job_runner/emails/sending/queue.py": (_mail, True, "SELECT attempt, crashes FROM emails WHERE status = 'sent'"),
    # A delivery that cannot be recorded is made again, under the same attempt.
    "job_runner/webhooks/queue.py": (
        _webhook, False, "SELECT attempt, 0 AS crashes FROM webhooks WHERE status = 'delivered'"
    ),
}  # fmt: skip


def test_every_loop_with_a_lease_is_tested() -> None:
    claims = {str(path.relative_to(ROOT)) for path in SOURCES if _CLAIM.search(path.read_text())}
    assert claims == set(_LOOPS)
    leases = {str(path.relative_to(ROOT)) for path in SOURCES if "make_interval(secs => :lease" in path.read_text()}
    assert leases <= claims


@pytest.mark.parametrize("path", _LOOPS)
async def test_an_outage_uses_up_no_attempt(
    database: Database, store: LocalStore, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("job_runner.problems.checks.LEASE_SECONDS", 0.1)
    monkeypatch.setattr("job_runner.problems.checks._RETRY_SECONDS", 0.05)
    monkeypatch.setattr(mail_sender, "LEASE_SECONDS", 1)
    begin, is_renewed, ended = _LOOPS[path]
    outage, work = Outage(database, monkeypatch), Work(database, store)
    async with asynccontextmanager(begin)(work) as run, looping(run):
        await eventually(lambda: work.begun)
        outage.is_on = True
        if is_renewed:
            await eventually(lambda: outage.refused >= 2, what="renewals of the lease fail")
        work.may_go_on.set()
        refused = outage.refused
        await eventually(lambda: outage.refused > refused, what="the end of the work cannot be written")
        outage.is_on = False
        if not is_renewed:
            await execute(database, "UPDATE webhooks SET run_after = now()")
            await execute(database, "SELECT pg_notify(:channel, '')", channel=channels.WEBHOOKS)
        [row] = await eventually(lambda: fetch(database, ended))
    assert row == {"attempt": 1, "crashes": 0}
    assert len(work.begun) == len(set(work.begun)), "some work was begun twice"
