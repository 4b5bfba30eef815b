"""The mails of results of API v1: as a run writes them, as they are written again, and as they are sent."""

import re
from typing import Any

import pytest

from job_runner.emails.sending.complete import MailCompletion
from job_runner.emails.sending.pending_mails import PendingMails
from job_runner.emails.sending.sender import MailSender
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.service.errors import StoreUnavailable
from shared.engine_api.codex import Verdict
from tests.factories import BRANDING
from tests.integration.job_runner.engines import STARTED, StreamingEngine, ended
from tests.integration.job_runner.mails import FOOTER, ScriptedMailer, order
from tests.integration.job_runner.program_rows import Run
from tests.integration.rows import execute, fetch, offer

BOUNDS = {
    name: {"default": value, "max": 10 * value}
    for name, value in {
        "cpu_s": 10, "wall_s": 30, "memory_bytes": 64 << 20, "output_bytes": 1 << 20, "processes": 64
    }.items()
}  # fmt: skip
LONG = "".join(f"line {number}\n" for number in range(1000))


def sender_of(database: Database, store: LocalStore, mailer: ScriptedMailer) -> MailSender:
    completion = MailCompletion(BRANDING, FOOTER, store, reply_to="help@example.com")
    return MailSender(database, mailer, completion, poll_interval=3600)


async def latest(database: Database) -> dict[str, Any]:
    [mail] = await fetch(database, "SELECT * FROM emails ORDER BY id DESC LIMIT 1")
    return mail


def without_link(text: object) -> str:
    return re.sub(r"expires=\d+&(amp;)?signature=[\w-]+", "", str(text))


async def test_a_mail_of_tests_is_written_again_as_it_was(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    await offer(database, limits=BOUNDS)
    engine.streams = [
        [
            STARTED,
            ended(1, Verdict.ACCEPTED),
            ended(2, Verdict.WRONG_ANSWER, diff="a secret", stderr="a secret"),
            ended(3, Verdict.WRONG_ANSWER, diff="@@ line 1 @@\n-three\n+four", stderr="a\0trace"),
        ]
    ]
    tests: list[dict[str, Any]] = [
        {"name": "first"},
        {"name": "second", "hidden": True, "stdin": "a secret"},
        {"name": "third", "stdin": "5\n", "limits": {"cpu_s": 2.5}},
        {"name": "fourth", "stdin": "6\n"},
    ]
    spec = {"locale": "fa", "limits": {"memory_bytes": 32 << 20}, "stop_at_first_failure": False}
    engine.streams[0].append(ended(4, Verdict.TIME_LIMIT, cpu_s=10.004))
    upload = await run(spec=spec, tests=tests, language="py")
    first = await latest(database)
    for part in (str(first["text"]), str(first["html"])):
        for shown in ("three", "four", "آزمون \u2068third\u2069", "آزمون \u2068fourth\u2069"):
            assert shown in part
        assert "a secret" not in part
        assert "۰٫۲۵ ثانیه از ۲٫۵ ثانیه" in part
        assert "از ۳۲ مبی‌بایت" in part
    await order(database, "result", upload=upload, job=first["job"])
    assert await PendingMails(database, store, BRANDING).render() == 1
    again, first = await fetch(database, "SELECT * FROM emails ORDER BY id DESC")
    for name in ("recipient", "subject", "text", "html", "attachments"):
        assert without_link(first[name]) == without_link(again[name])
    assert first["message_id"] != again["message_id"]


async def test_a_long_output_is_sent_as_a_file(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    engine.streams = [[STARTED, ended(1, stdout=LONG)]]
    upload = await run(files={"src/نمره.py": b"x"})
    row = await latest(database)
    mailer = ScriptedMailer()
    await sender_of(database, store, mailer).run_once()
    [mail] = mailer.sent
    [file] = mail.attachments
    assert (file.filename, file.data) == ("نمره-output.txt", LONG.encode())
    assert mail.message_id == row["message_id"]
    assert mail.references == (f"<precieux.submission-{upload}@example.com>",)
    assert mail.reply_to == "help@example.com"
    # Written again, it has the same file.
    await order(database, "result", upload=upload, job=row["job"])
    await PendingMails(database, store, BRANDING).render()
    await sender_of(database, store, mailer).run_once()
    assert mailer.sent[1].attachments == mail.attachments
    assert mailer.sent[1].references == mail.references


async def test_a_mail_of_a_batch_refers_to_it(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    [batch] = await fetch(database, "INSERT INTO batches (digest) VALUES (false) RETURNING id")
    engine.streams = [[STARTED, ended(1)]]
    upload = await run(batch=batch["id"])
    mailer = ScriptedMailer()
    await sender_of(database, store, mailer).run_once()
    roots = (f"batch-{batch['id']}", f"submission-{upload}")
    assert mailer.sent[0].references == tuple(f"<precieux.{root}@example.com>" for root in roots)


async def test_a_mail_waits_for_its_file(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.streams = [[STARTED, ended(1, stdout=LONG)]]
    await run()
    mailer = ScriptedMailer()

    async def fail(key: str) -> bytes:
        raise StoreUnavailable("The store is down.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "get", fail)
        await sender_of(database, store, mailer).run_once()
    [row] = await fetch(database, "SELECT status, last_error FROM emails")
    assert row == {"status": "queued", "last_error": "An attached file cannot be read: The store is down."}
    await execute(database, "UPDATE emails SET run_after = now()")
    await sender_of(database, store, mailer).run_once()
    assert len(mailer.sent[0].attachments) == 1


async def test_a_file_that_is_gone_holds_up_no_mail(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    engine.streams = [[STARTED, ended(1, stdout=LONG)]]
    await run()
    [row] = await fetch(database, "SELECT output_key FROM results")
    await store.delete(row["output_key"])
    mailer = ScriptedMailer()
    await sender_of(database, store, mailer).run_once()
    assert mailer.sent[0].attachments == ()
