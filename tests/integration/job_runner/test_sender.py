"""The mail loop on a real Postgres, with a mailer that the test plays."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest

from job_runner.emails.mailers.base import Email
from job_runner.emails.mailers.errors import Blame, MailerUnavailable, MailRefused
from job_runner.emails.sending import queue
from job_runner.emails.sending import sender as sender_module
from job_runner.emails.sending.complete import MailCompletion
from job_runner.emails.sending.sender import MailSender
from shared.adapters.database import channels
from shared.adapters.database.connection import Connection, Database
from shared.common.service.background import wait_any
from shared.common.service.errors import DatabaseUnavailable
from shared.common.service.lifecycle import restarting
from shared.common.service.retry import RetryPolicy
from shared.records.mail import suppressions
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.mails import COMPLETION, ScriptedMailer, add_email
from tests.integration.loops import looping
from tests.integration.rows import execute, fetch
from tests.waiting import eventually


@pytest.fixture
def sender(database: Database, mailer: ScriptedMailer) -> MailSender:
    return MailSender(database, mailer, COMPLETION, poll_interval=3600)


async def rows(database: Database) -> list[dict[str, Any]]:
    return await fetch(database, "SELECT status, attempt, provider_id, last_error FROM emails ORDER BY id")


async def test_a_notification_wakes_the_sender(database: Database, sender: MailSender, mailer: ScriptedMailer) -> None:
    async with looping(sender.run):
        message_id = await add_email(database)
        await eventually(lambda: len(mailer.sent) == 1)
    assert mailer.sent[0].message_id == message_id
    assert await rows(database) == [{"status": "sent", "attempt": 1, "provider_id": "id-1", "last_error": None}]


async def test_a_retried_mail_waits_and_keeps_its_message_id(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    """It is tried again within a minute, however often it has failed."""
    mailer.failures = [MailerUnavailable("busy")]
    message_id = await add_email(database)
    await execute(database, "UPDATE emails SET attempt = 20")
    await sender.run_once()
    [due] = await fetch(database, "SELECT extract(epoch FROM run_after - now()) AS seconds, status FROM emails")
    assert due["status"] == "queued"
    assert 25 < float(due["seconds"]) <= 60
    assert 25 < await sender.run_once() <= 60
    await execute(database, "UPDATE emails SET run_after = now()")
    await sender.run_once()
    assert [mail.message_id for mail in mailer.sent] == [message_id]


async def test_a_mail_that_is_reported_as_delivered_is_not_sent_again(
    database: Database, sender: MailSender, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's answer was lost, and its report came while the mail was being sent."""

    async def lost(email: Email) -> str:
        await execute(database, "UPDATE emails SET status = 'delivered'")
        raise MailerUnavailable("no answer")

    monkeypatch.setattr(mailer, "send", lost)
    await add_email(database)
    await sender.run_once()
    assert [row["status"] for row in await rows(database)] == ["delivered"]


async def test_a_mail_of_a_dead_sender_keeps_its_message_id(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    message_id = await add_email(database)
    await execute(
        database,
        "UPDATE emails SET status = 'sending', attempt = 1, lease_id = gen_random_uuid(),"
        " lease_expires_at = now() - interval '1 second'",
    )
    assert 0 < await sender.run_once() <= queue.GRACE_SECONDS
    assert mailer.sent == []
    await execute(database, "UPDATE emails SET lease_expires_at = now() - interval '1 second'")
    await sender.run_once()
    assert [mail.message_id for mail in mailer.sent] == [message_id]
    assert [row["status"] for row in await rows(database)] == ["sent"]


async def test_a_defect_of_ours_does_not_end_the_loop(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    mailer.failures = [RuntimeError("a defect")]
    await add_email(database)

    async def handed_back() -> bool:
        return [row["last_error"] for row in await rows(database)] == ["an internal error (RuntimeError)"]

    async with looping(sender.run):
        await eventually(handed_back)
        await execute(database, "UPDATE emails SET run_after = now()")
        await execute(database, "SELECT pg_notify(:channel, '')", channel=channels.EMAILS)
        await eventually(lambda: len(mailer.sent) == 1)


async def test_a_mail_that_kills_its_senders_is_given_up(database: Database, mailer: ScriptedMailer) -> None:
    """A batch dies together; after that, each of its mails is sent alone."""
    neighbours = {await add_email(database) for _ in range(3)}
    poison = await add_email(database)
    neighbours |= {await add_email(database) for _ in range(3)}
    deaths = 0
    for _ in range(30):
        async with database.transaction() as connection:
            claimed = await queue.claim(connection, limit=10, lease_seconds=60)
            bodies = [mail for mail in claimed if mail.crashes < queue.MAX_COPIES]
            if any(mail.email.message_id == poison for mail in bodies):
                deaths += 1
            else:
                await queue.mark_sent(connection, [(mail.id, "id") for mail in bodies])
        await execute(
            database, "UPDATE emails SET lease_id = NULL, lease_expires_at = '-infinity' WHERE status = 'sending'"
        )
        if len(claimed) > len(bodies):
            break
    await MailSender(database, mailer, COMPLETION, poll_interval=3600).run_once()
    fates = await fetch(database, "SELECT message_id, status, crashes, last_error FROM emails")
    assert {row["message_id"] for row in fates if row["status"] == "sent"} == neighbours
    [given_up] = [row for row in fates if row["message_id"] == poison]
    assert (given_up["status"], mailer.sent) == ("uncertain", [])
    assert given_up["last_error"] == "the sender stopped while it sent this mail"
    assert deaths == queue.MAX_COPIES


async def test_many_senders_send_each_mail_once(database: Database, mailer: ScriptedMailer) -> None:
    message_ids = {await add_email(database) for _ in range(40)}
    senders = [MailSender(database, mailer, COMPLETION, poll_interval=3600) for _ in range(4)]

    async def drain(sender: MailSender) -> None:
        while await sender.run_once() < 3600:
            pass

    await asyncio.gather(*(drain(sender) for sender in senders))
    assert sorted(mail.message_id for mail in mailer.sent) == sorted(message_ids)


async def unsubscribe(database: Database, email: str) -> None:
    async with owner_of(database).transaction() as connection:
        await suppressions.add(connection, email, "unsubscribed")


@pytest.mark.parametrize("unsubscribed", ["spelling", "plain"])
@pytest.mark.parametrize("spelling", ["Someone@example.com", "someone+x@EXAMPLE.com", "someone@example.com."])
async def test_no_spelling_of_a_suppressed_address_gets_mail(
    database: Database, sender: MailSender, mailer: ScriptedMailer, spelling: str, unsubscribed: str
) -> None:
    await add_email(database)
    if unsubscribed == "plain":
        await execute(database, "UPDATE emails SET recipient = :spelling", spelling=spelling)
        await unsubscribe(database, "someone@example.com")
    else:
        await unsubscribe(database, spelling)
    await sender.run_once()
    assert mailer.sent == []
    assert [row["status"] for row in await rows(database)] == ["suppressed"]


async def test_a_suppression_stops_no_other_recipients_mail(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    await add_email(database)
    await unsubscribe(database, "some.one@example.com")
    await sender.run_once()
    assert [mail.recipient for mail in mailer.sent] == ["someone@example.com"]


async def test_an_accepted_mail_is_not_sent_again_after_an_outage(
    database: Database, sender: MailSender, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3: a mail may repeat if the process dies, but not if Postgres is unavailable, even if its lease was lost."""
    monkeypatch.setattr(sender_module, "_RECORDING_SECONDS", -1.0)
    await add_email(database)
    mark_sent = queue.mark_sent
    tries = 0

    async def away_twice(connection: Connection, sent: Sequence[tuple[int, str]]) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise DatabaseUnavailable("restarting")
        await execute(database, "UPDATE emails SET status = 'queued', lease_id = NULL")
        await mark_sent(connection, sent)

    monkeypatch.setattr(queue, "mark_sent", away_twice)
    await sender.run_once()
    assert tries == 3
    assert await sender.run_once() == math.inf
    assert len(mailer.sent) == 1
    assert [row["status"] for row in await rows(database)] == ["sent"]


async def test_an_outcome_that_cannot_be_recorded_is_no_pause(
    database: Database, sender: MailSender, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("restarting")

    monkeypatch.setattr(queue, "retry_later", away)
    mailer.failures = [MailerUnavailable("busy")]
    await add_email(database)
    with pytest.raises(DatabaseUnavailable):
        await sender.run_once()


async def test_a_sender_that_stops_does_not_wait_for_the_database(
    database: Database, sender: MailSender, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_RECORDING_SECONDS", -1.0)
    mailer.open.clear()
    await add_email(database)
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    await eventually(lambda: mailer.called)
    stop.set()

    async def away(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(queue, "mark_sent", away)
    mailer.open.set()
    await asyncio.wait_for(running, 10)
    assert [row["status"] for row in await rows(database)] == ["sending"]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Return a list to which each wait of the sender adds its number of events and its seconds."""
    waits: list[tuple[int, float]] = []

    async def recorded(*events: asyncio.Event, timeout: float) -> None:
        waits.append((len(events), timeout))
        await wait_any(*events, timeout=timeout)

    monkeypatch.setattr(sender_module, "wait_any", recorded)
    return waits


async def test_an_account_error_pauses_the_mailer(
    database: Database, sender: MailSender, mailer: ScriptedMailer, waits: list[tuple[int, float]]
) -> None:
    """No notification ends the pause. Else each new mail would try the refused account again."""
    sender._outage.pause._failures = 20
    mailer.failures = [MailerUnavailable("wrong key", blame=Blame.ACCOUNT)]
    await add_email(database)
    async with looping(sender.run):
        await eventually(lambda: bool(waits))
    [(events, seconds)] = waits
    assert events == 1
    assert 25 < seconds <= 60
    [row] = await rows(database)
    assert (row["status"], row["last_error"]) == ("queued", "wrong key")


class Drive:
    """Runs rounds of a sender, and lets the clock of its pauses run in place of waiting."""

    def __init__(self, sender: MailSender) -> None:
        self.seconds = 0.0
        self._sender = sender
        sender._outage.pause._clock = lambda: self.seconds

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            self.seconds += await self._sender.run_once()


async def test_an_outage_of_hours_uses_up_no_tries(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    message_ids = [await add_email(database) for _ in range(300)]
    mailer.refuse = lambda _: MailerUnavailable("Mailgun is unavailable (503)", blame=Blame.PROVIDER)
    drive = Drive(sender)
    await drive.rounds(650)
    assert drive.seconds >= 5 * 3600
    mailer.refuse = lambda _: None
    end = drive.seconds
    await drive.rounds(len(message_ids) // sender_module._BATCH)
    assert drive.seconds - end <= 120
    await drive.rounds(1)
    assert sorted(mail.message_id for mail in mailer.sent) == sorted(message_ids)
    assert {row["status"] for row in await rows(database)} == {"sent"}


@pytest.mark.parametrize("fails", [1, 10])
async def test_one_success_brings_the_mails_of_an_outage_forward(
    database: Database, sender: MailSender, mailer: ScriptedMailer, fails: int
) -> None:
    """But not a mail that failed alone: it may be the cause, and may have left each time."""
    mailer.failures = [MailerUnavailable("Mailgun is unavailable (500)", blame=Blame.PROVIDER, uncertain=True)] * fails
    for _ in range(12):
        await add_email(database)
    await Drive(sender).rounds(6)
    assert len(mailer.sent) == (11 if fails == 1 else 12)
    assert {row["attempt"] for row in await rows(database)} == ({1} if fails == 1 else {1, 2})


@pytest.mark.parametrize(("blame", "lost"), [(Blame.ACCOUNT, 0), (Blame.MAIL_OR_ACCOUNT, 2)])
async def test_a_refused_account_loses_no_mail(
    database: Database, sender: MailSender, mailer: ScriptedMailer, blame: Blame, lost: int
) -> None:
    """If the reply may be about a recipient, the third recipient in a row with the same reply clears it."""
    mailer.refuse = lambda mail: MailRefused(f"(550) <{mail.recipient}> rejected", blame=blame)
    for number in range(15):
        await add_email(database, f"someone-{number}@example.com")
    drive = Drive(sender)
    await drive.rounds(9)
    mailer.refuse = lambda _: None
    await drive.rounds(9)
    statuses = [row["status"] for row in await rows(database)]
    assert (statuses.count("refused"), statuses.count("sent")) == (lost, 15 - lost)


async def test_a_mail_that_is_refused_alone_is_given_up(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    """While no other mail was accepted, the account may be the cause. A mail that comes later is tried first."""
    mailer.refuse = lambda mail: None if mail.recipient == "other@example.com" else refusal
    refusal = MailRefused("(554) 5.7.1 rejected as spam", blame=Blame.ACCOUNT)
    for _ in range(3):
        await add_email(database)
    drive = Drive(sender)
    await drive.rounds(2)
    assert {row["status"] for row in await rows(database)} == {"queued"}
    await add_email(database, "other@example.com")
    await drive.rounds(1)
    assert len(mailer.sent) == 1
    await drive.rounds(2)
    assert [row["status"] for row in await rows(database)] == ["refused"] * 3 + ["sent"]


async def test_an_outage_longer_than_a_lease_repeats_no_mail(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P3: two senders hold accepted mails. The first that reaches the database again claims nothing of the other."""
    mailer.open.clear()
    message_ids = [await add_email(database) for _ in range(2)]
    mark_sent = queue.mark_sent
    is_away = True
    tries = 0

    async def away(connection: Connection, sent: Sequence[tuple[int, str]]) -> None:
        nonlocal tries
        tries += 1
        if is_away:
            raise DatabaseUnavailable("restarting")
        await mark_sent(connection, sent)

    monkeypatch.setattr(queue, "mark_sent", away)
    monkeypatch.setattr(sender_module, "_BATCH", 1)
    senders = [MailSender(database, mailer, COMPLETION, poll_interval=3600) for _ in range(3)]
    batches = [asyncio.create_task(sender.run_once()) for sender in senders[:2]]
    mailer.open.set()
    await eventually(lambda: tries > 2)
    await execute(database, "UPDATE emails SET lease_expires_at = now() - interval '1 hour' WHERE status = 'sending'")
    # An idle sender, which has not noticed the outage.
    assert 5 < await asyncio.wait_for(senders[2].run_once(), 10) <= queue.GRACE_SECONDS
    is_away = False
    await asyncio.gather(*batches)
    await asyncio.gather(*(sender.run_once() for sender in senders))
    assert sorted(mail.message_id for mail in mailer.sent) == sorted(message_ids)
    assert [row["status"] for row in await rows(database)] == ["sent", "sent"]


async def test_a_full_batch_is_followed_by_another_at_once(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    for _ in range(sender_module._BATCH + 1):
        await add_email(database)
    assert await sender.run_once() == 0
    assert await sender.run_once() > 0
    assert len(mailer.sent) == sender_module._BATCH + 1


async def test_a_hanging_mailer_is_given_up(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_SEND_SECONDS", 0.05)
    mailer.open.clear()
    await add_email(database)
    await asyncio.wait_for(MailSender(database, mailer, COMPLETION, poll_interval=3600).run_once(), 10)
    [row] = await fetch(database, "SELECT status, crashes, last_error FROM emails")
    assert (row["status"], row["crashes"]) == ("queued", 1)
    assert "longer than 0.05 s" in row["last_error"]


async def test_a_mail_whose_answers_are_lost_is_sent_five_times(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    mailer.failures = [MailerUnavailable("the answer was lost", uncertain=True)] * 20
    await add_email(database)
    pauses: list[float] = []
    # Until nothing waits.
    while await sender.run_once() != math.inf:
        [row] = await fetch(database, "SELECT extract(epoch FROM run_after - now()) AS pause, status FROM emails")
        if row["status"] == "queued":
            pauses.append(float(row["pause"]))
        await execute(database, "UPDATE emails SET run_after = now()")
    assert [row["status"] for row in await rows(database)] == ["uncertain"]
    assert len(mailer.failures) == 20 - queue.MAX_COPIES
    expected = sender_module.UNCERTAIN_PAUSES
    assert all(0.9 * most < pause <= most for pause, most in zip(pauses, expected, strict=True)), pauses


async def test_a_sender_keeps_the_lease_of_a_mail_that_takes_long(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "LEASE_SECONDS", 1.5)
    mailer.open.clear()
    await add_email(database)
    sending = asyncio.create_task(MailSender(database, mailer, COMPLETION, poll_interval=3600).run_once())
    await eventually(lambda: mailer.called)
    [first] = await fetch(database, "SELECT lease_expires_at FROM emails")

    async def has_passed() -> bool:
        return bool(await fetch(database, "SELECT 1 FROM emails WHERE now() > :end", end=first["lease_expires_at"]))

    await eventually(has_passed, what="the first lease has ended")
    other = ScriptedMailer()
    await MailSender(database, other, COMPLETION, poll_interval=3600).run_once()
    [held] = await fetch(database, "SELECT lease_id FROM emails")
    assert held["lease_id"] is not None
    mailer.open.set()
    await sending
    assert (len(mailer.sent), len(other.sent)) == (1, 0)
    assert [row["status"] for row in await rows(database)] == ["sent"]


@pytest.mark.parametrize(
    ("meanwhile", "sent"),
    [("lease_id = lease_id", 1), ("lease_id = NULL", 1), ("lease_id = gen_random_uuid(), attempt = attempt + 1", 0)],
    ids=["unnoticed", "noticed", "claimed"],
)
async def test_a_suspended_sender_goes_on_unless_another_has_its_mail(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch, meanwhile: str, sent: int
) -> None:
    """It was suspended after the claim, so the lease has ended when it goes on. Nothing counts as a dead sender."""
    monkeypatch.setattr(sender_module, "LEASE_SECONDS", 0.0)
    complete = MailCompletion.complete

    async def suspended(completion: MailCompletion, mail: queue.ClaimedEmail) -> Email:
        await execute(database, f"UPDATE emails SET {meanwhile}")
        return await complete(completion, mail)

    monkeypatch.setattr(MailCompletion, "complete", suspended)
    await add_email(database)
    await MailSender(database, mailer, COMPLETION, poll_interval=3600).run_once()
    assert len(mailer.sent) == sent
    [row] = await fetch(database, "SELECT status, crashes FROM emails")
    assert (row["status"], row["crashes"]) == ("sent" if sent else "sending", 0)


async def test_other_mails_go_on_beside_those_of_dead_senders(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    for _ in range(3):
        await add_email(database)
    await execute(database, "UPDATE emails SET status = 'sending', lease_expires_at = '-infinity'")
    for _ in range(3):
        await add_email(database)
    for sent in (1, 4, 5, 5, 6):
        await sender.run_once()
        assert len(mailer.sent) == sent


async def test_a_mail_that_takes_long_delays_no_other(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_ROUND_SECONDS", 0.5)
    mailer.open.clear()
    await add_email(database)
    sender = MailSender(database, mailer, COMPLETION, poll_interval=3600)
    await sender.run_once()
    held, mailer.open = mailer.open, asyncio.Event()
    mailer.open.set()
    quick = await add_email(database)
    await sender.run_once()
    assert [mail.message_id for mail in mailer.sent] == [quick]
    held.set()
    await eventually(lambda: len(mailer.sent) == 2)


async def test_a_mail_that_fails_after_its_round_is_soon_repeated(
    database: Database,
    sender: MailSender,
    mailer: ScriptedMailer,
    waits: list[tuple[int, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender_module, "_ROUND_SECONDS", 0.1)
    mailer.open.clear()
    mailer.failures = [MailerUnavailable("try again")]
    monkeypatch.setattr(sender_module, "POLICY", RetryPolicy(base=0.1, cap=0.1))
    await add_email(database)
    async with looping(sender.run):
        await eventually(lambda: len(waits) > 1, what="its round is over")
        mailer.open.set()
        await eventually(lambda: mailer.sent, 10)


async def test_the_loop_outlives_an_error_beside_a_slow_mail(
    database: Database, mailer: ScriptedMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_ROUND_SECONDS", 0.1)
    mailer.open.clear()
    sender = MailSender(database, mailer, COMPLETION, poll_interval=3600)
    async with looping(restarting("mails", sender.run, RetryPolicy(base=0.1, cap=0.1))):
        await add_email(database)
        await eventually(lambda: mailer.called)
        failures = stumble_once(monkeypatch)
        following = await add_email(database)
        await eventually(lambda: failures)
        mailer.open.set()
        await eventually(lambda: following in [mail.message_id for mail in mailer.sent], 10)


def stumble_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the next claim fail by a defect, and return a list that is not empty from then on."""
    claim, failures = queue.claim, list[str]()

    async def claim_or_fail(connection: Connection, **options: Any) -> list[queue.ClaimedEmail]:
        if not failures:
            failures.append("a defect")
            raise RuntimeError("a defect")
        return await claim(connection, **options)

    monkeypatch.setattr(queue, "claim", claim_or_fail)
    return failures


STRANGE = "NUL \0, half a pair \ud800"


async def test_any_answer_of_a_provider_is_recorded(
    database: Database, sender: MailSender, mailer: ScriptedMailer
) -> None:
    """Also one that Postgres cannot store."""
    mailer.answer = STRANGE
    mailer.failures = [MailerUnavailable(STRANGE), MailRefused(STRANGE)]
    for _ in range(3):
        await add_email(database)
    await sender.run_once()
    assert sorted((row["status"], row["last_error"] or row["provider_id"]) for row in await rows(database)) == [
        (status, "NUL \ufffd, half a pair ?") for status in ("queued", "refused", "sent")
    ]
