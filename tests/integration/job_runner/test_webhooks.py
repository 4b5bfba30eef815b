"""The webhook loop on a real Postgres, with real receivers on this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from job_runner.webhooks import queue
from job_runner.webhooks import sender as sender_module
from job_runner.webhooks.body import Bodies
from job_runner.webhooks.delivery import Deliverer
from job_runner.webhooks.delivery_policy import SCHEDULE
from job_runner.webhooks.queue import ClaimedWebhook
from job_runner.webhooks.sender import Render, WebhookSender
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.common.service.errors import DatabaseUnavailable
from shared.records.accounts.webhooks import WebhookSettings
from shared.records.resources.links import Links
from tests.fixtures.postgres import owner_of
from tests.fixtures.webhook_receiver import Receiver, answer, receiving
from tests.integration.job_runner.webhook_rows import SECRET, SETTINGS, add_webhook, run_once
from tests.integration.loops import looping
from tests.integration.plans import plan_of, rows_read
from tests.integration.rows import add_upload, execute, fetch
from tests.integration.submission_rows import add_finished
from tests.waiting import eventually

LINKS = Links(LinkSigner(b"k" * 32, "http://api"))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def new_sender(database: Database, tmp_path: Path) -> AsyncIterator[Callable[..., WebhookSender]]:
    deliverers: list[Deliverer] = []
    bodies = Bodies(LINKS, LocalStore(tmp_path, LINKS.signer))

    def new(
        settings: WebhookSettings = SETTINGS, on: Database = database, render: Render = bodies.render
    ) -> WebhookSender:
        deliverers.append(Deliverer(settings.egress))
        return WebhookSender(on, deliverers[-1], render, settings, poll_interval=3600)

    yield new
    for deliverer in deliverers:
        await deliverer.close()


@pytest.fixture
def sender(new_sender: Callable[..., WebhookSender]) -> WebhookSender:
    return new_sender()


async def rows(database: Database) -> list[dict[str, Any]]:
    return await fetch(
        database,
        "SELECT id, status, attempt, last_status, last_error, body, lease_id, delivered_at,"
        " CAST(extract(epoch FROM run_after - now()) AS float) AS due FROM webhooks ORDER BY id",
    )


async def row(database: Database) -> dict[str, Any]:
    [one] = await rows(database)
    return one


async def make_due(database: Database) -> None:
    await execute(database, "UPDATE webhooks SET run_after = now()")


async def test_a_notification_wakes_the_sender(database: Database, sender: WebhookSender, receiver: Receiver) -> None:

    async def recorded() -> bool:
        return [one["status"] for one in await rows(database)] == ["delivered"]

    async with looping(sender.run):
        await add_webhook(database, receiver.url)
        await eventually(recorded)
    after = await row(database)
    assert (after["attempt"], after["last_status"], after["last_error"], after["lease_id"]) == (1, 204, None, None)
    assert after["delivered_at"] is not None


async def test_a_late_first_attempt_shows_the_run_that_it_is_about(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    upload = await add_finished(database)
    await add_webhook(database, receiver.url, upload=upload, body=None)
    await execute(
        database, "UPDATE uploads SET request_id = gen_random_uuid(), runs = 2, outcome = NULL, verdict = NULL"
    )
    await run_once(sender)
    data = receiver.received[0].verified(SECRET)["data"]
    assert (data["state"], data["verdict"], data["run"]["number"]) == ("finished", "ok", 1)


async def test_each_attempt_waits_longer_and_the_last_one_fails(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    await add_webhook(database, receiver.url)
    for about in SCHEDULE:
        receiver.answers = [answer(503)]
        await run_once(sender)
        waiting = await row(database)
        assert waiting["status"] == "pending"
        assert 0.9 * about - 2 <= waiting["due"] <= 1.1 * about
        await make_due(database)
    receiver.answers = [answer(503)]
    await run_once(sender)
    failed = await row(database)
    assert (failed["status"], failed["attempt"], failed["last_status"]) == ("failed", 10, 503)
    assert len(set(receiver.ids)) == 1
    await make_due(database)
    await run_once(sender)
    assert len(receiver.received) == 10


async def test_a_receiver_that_is_back_gets_what_waits(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    """Webhooks without an answer do not wait for five minutes once another one to the same URL was delivered."""

    async def waiting(change: str, *, url: str = receiver.url) -> int:
        number = await add_webhook(database, url)
        for one in ("attempt = 2, run_after = now() + interval '4 minutes'", change):
            await execute(database, f"UPDATE webhooks SET {one} WHERE id = :id", id=number)
        return number

    unanswered = await waiting("attempt = 2")
    others = [
        await waiting("last_status = 500"),
        await waiting("attempt = 3"),
        await waiting("type = 'judge0.callback'"),
        await waiting("run_after = now() + interval '5 minutes'"),  # it was tried just now
        await waiting("attempt = 2", url=f"{receiver.url}/another"),
        *[await waiting("lease_id = gen_random_uuid(), run_after = now() + interval '9 s'") for _ in range(4)],
    ]
    delivered = await add_webhook(database, receiver.url)
    await run_once(sender)
    await run_once(sender)
    states = {one["id"]: one["status"] for one in await rows(database)}
    assert [states[one] for one in (delivered, unanswered)] == ["delivered", "delivered"]
    assert {states[one] for one in others} == {"pending"}


async def test_an_error_after_a_delivery_leaves_it_recorded(
    database: Database, sender: WebhookSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(queue, "bring_forward", fail)
    await add_webhook(database, receiver.url)
    with structlog.testing.capture_logs() as records:
        await run_once(sender)
    assert (await row(database))["status"] == "delivered"
    assert [record["event"] for record in records] == ["webhook.delivered", "webhook.not_made_due"]


async def test_gone_ends_it_and_what_waits_of_the_same_submission(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    upload, other = await add_upload(database), await add_upload(database)
    await add_webhook(database, receiver.url, upload=upload)
    later = [
        await add_webhook(database, receiver.url, upload=upload),
        await add_webhook(database, receiver.url, upload=other),
    ]
    await execute(database, "UPDATE webhooks SET run_after = now() + interval '1 hour' WHERE id = ANY(:ids)", ids=later)
    receiver.answers = [answer(410)]
    await run_once(sender)
    assert [one["status"] for one in await rows(database)] == ["gone", "gone", "pending"]
    assert [one["last_status"] for one in await rows(database)] == [410, 410, None]
    await make_due(database)
    await run_once(sender)
    assert len(receiver.received) == 2


async def test_without_a_secret_nothing_is_sent(
    database: Database, new_sender: Callable[..., WebhookSender], receiver: Receiver
) -> None:
    await add_webhook(database, receiver.url)
    await run_once(new_sender(WebhookSettings(webhook_allowed_hosts="127.0.0.1")))
    after = await row(database)
    assert receiver.received == []
    assert (after["status"], after["attempt"]) == ("pending", 1)
    assert "PRECIEUX_WEBHOOK_SECRET" in after["last_error"]


async def test_a_webhook_about_nothing_fails(database: Database, sender: WebhookSender, receiver: Receiver) -> None:
    upload = await add_upload(database)
    await add_webhook(database, receiver.url, upload=upload, body=None)
    await execute(database, "DELETE FROM uploads WHERE id = :id", id=upload)
    await run_once(sender)
    after = await row(database)
    assert (after["status"], after["last_error"], receiver.received) == (
        "failed",
        "its submission or batch was deleted",
        [],
    )


async def test_a_slow_receiver_holds_up_only_itself(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    release = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(200))

    async with receiving() as slow:
        slow.answers = [wait] * 40
        for _ in range(40):
            await add_webhook(database, slow.url)
        for _ in range(8):
            await add_webhook(database, receiver.url)
        async with looping(sender.run):
            await eventually(lambda: len(receiver.received) == 8)
            await eventually(lambda: len(slow.received) == sender_module._SLOTS_PER_HOST)
            async with database.connection() as connection:
                # Those that are due and have to wait do not make the loop spin.
                assert (await queue.seconds_until_due(connection) or 0) > 1
            release.set()
            await eventually(lambda: len(slow.received) == 40, timeout=30)
        assert slow.max_connections <= sender_module._SLOTS_PER_HOST
    assert len(set(slow.ids)) == 40


async def test_a_key_with_many_slow_receivers_delays_no_other(
    database: Database, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setattr(sender_module, "_SLOTS", 2)
    monkeypatch.setattr(sender_module, "_SLOTS_PER_HOST", 1)

    def slow(seconds: float) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
        async def wait(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(seconds)
            writer.write(answer(200))

        return wait

    async with receiving(host="127.0.0.2") as one, receiving(host="127.0.0.3") as two:
        # Their slots are never free at the same time.
        for each, host, seconds in ((one, "127.0.0.2", 0.1), (two, "127.0.0.3", 60)):
            each.answers = [slow(seconds)] * 40
            for _ in range(40):
                await add_webhook(database, f"http://{host}:{each.port}/", owner=1)
        monkeypatch.setattr(sender_module, "_DRAIN_SECONDS", 0.1)
        stop = asyncio.Event()
        running = asyncio.create_task(sender.run(stop))
        await eventually(lambda: len(one.received) + len(two.received) == 2)
        await add_webhook(database, receiver.url, owner=2)
        await eventually(lambda: len(receiver.received) == 1)
        before = len(one.received)
        stop.set()
        await running
    # It took the first slot that became free.
    assert before <= 5


async def test_many_senders_deliver_each_webhook_once(
    other_databases: list[Database], new_sender: Callable[..., WebhookSender], database: Database, receiver: Receiver
) -> None:
    for _ in range(60):
        await add_webhook(database, receiver.url)
    senders = [new_sender(on=each) for each in (database, *other_databases)]

    async def drain(sender: WebhookSender) -> None:
        while any(one["status"] == "pending" for one in await rows(database)):
            await run_once(sender)

    await asyncio.gather(*map(drain, senders))
    assert (len(receiver.ids), len(set(receiver.ids))) == (60, 60)


async def test_a_stopping_sender_finishes_what_is_under_way(
    database: Database, sender: WebhookSender, receiver: Receiver
) -> None:
    release = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(200))

    receiver.answers = [wait]
    await add_webhook(database, receiver.url)
    async with looping(sender.run) as stop:
        await eventually(lambda: len(receiver.received) == 1)
        stop.set()
        release.set()
    assert (await row(database))["status"] == "delivered"


async def test_a_stopping_sender_gives_back_what_takes_longer(
    database: Database, sender: WebhookSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "_DRAIN_SECONDS", 0.1)

    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    receiver.answers = [never]
    await add_webhook(database, receiver.url)
    async with looping(sender.run):
        await eventually(lambda: len(receiver.received) == 1)
    after = await row(database)
    assert (after["status"], after["attempt"], after["lease_id"]) == ("pending", 0, None)
    assert after["due"] <= 0


async def test_a_defect_of_ours_is_a_failed_attempt(
    database: Database, new_sender: Callable[..., WebhookSender], receiver: Receiver
) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("a defect")

    await add_webhook(database, receiver.url, upload=await add_upload(database), body=None)
    await run_once(new_sender(render=broken))
    after = await row(database)
    assert (after["status"], after["attempt"], after["last_error"]) == (
        "pending", 1, "an internal error (RuntimeError)",
    )  # fmt: skip


async def test_a_sender_that_lost_its_lease_sends_no_body(
    database: Database, new_sender: Callable[..., WebhookSender], receiver: Receiver
) -> None:
    """It was frozen before it stored the body; another sender has stored and sent one since."""

    async def render_too_late(connection: Connection, webhook: ClaimedWebhook) -> str:
        await execute(database, "UPDATE webhooks SET lease_id = gen_random_uuid(), body = 'first'")
        return "second"

    await add_webhook(database, receiver.url, body=None)
    await run_once(new_sender(render=render_too_late))
    assert receiver.received == []
    assert (await row(database))["body"] == "first"


async def test_an_attempt_whose_lease_is_lost_records_nothing(database: Database) -> None:
    await add_webhook(database, "http://127.0.0.1/")
    async with database.transaction() as connection:
        [claimed] = await queue.claim(connection, limit=1, per_host=1, lease_seconds=60, busy_hosts={}, busy_owners={})
    await execute(database, "UPDATE webhooks SET lease_id = gen_random_uuid()")
    async with database.transaction() as connection:
        await queue.mark_delivered(connection, claimed, 200)
        await queue.retry_later(connection, claimed, delay=1, status=500, error="x")
        await queue.mark_failed(connection, claimed, status=500, error="x")
        await queue.mark_gone(connection, claimed, status=410, error="x")
        await queue.release(connection, claimed)
        assert not await queue.keep_body(connection, claimed, "x")
    after = await row(database)
    assert (after["status"], after["attempt"], after["last_error"], after["body"]) == ("pending", 1, None, "{}")


@pytest.mark.parametrize("statement", ["_CLAIM", "_NEXT_DUE"])
async def test_the_many_webhooks_of_a_slow_host_are_not_read(database: Database, statement: str) -> None:
    async with owner_of(database).transaction() as connection:
        await connection.execute(
            "INSERT INTO webhooks (type, url) SELECT 'x', 'http://slow.example/' || n FROM generate_series(1, 20000) n"
        )
        await connection.execute("ANALYZE webhooks")
        await connection.execute("INSERT INTO webhooks (type, url) VALUES ('x', 'http://quick.example/')")
    busy = {"hosts": ["slow.example"], "of_hosts": [4], "owners": [0], "of_owners": [4]}
    values = {"limit": 64, "per_host": 4, "lease_seconds": 60.0, **busy} if statement == "_CLAIM" else {}
    plan = await plan_of(database, getattr(queue, statement), **values)
    assert plan[0]["Shared Hit Blocks"] < 60


async def test_the_many_urls_of_a_host_are_not_read(database: Database) -> None:
    """After an outage of a host, many of its webhooks wait for their next attempt, each with a URL of its own."""
    async with owner_of(database).transaction() as connection:
        await connection.execute(
            "INSERT INTO webhooks (type, url, attempt, run_after) SELECT 'x', 'http://a.example/' || n, 2,"
            " now() + make_interval(secs => 60 + n * 0.01) FROM generate_series(1, 10000) n"
        )
    values = {"host": "a.example", "url": "http://a.example/", "callback": "judge0.callback", "seconds": 265}
    assert rows_read(await plan_of(database, queue._BRING_FORWARD, **values)) == 1000
