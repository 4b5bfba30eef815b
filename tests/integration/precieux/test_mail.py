"""`precieux mail` on a real Postgres, with the rights of the operator's role."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from precieux.cli import app
from precieux.commands import bounce
from precieux.installation import operator_database
from precieux.mail import dns_records
from precieux.mail.status_notification import read
from shared.adapters.database.connection import Database
from shared.common.service.errors import PrecieuxError
from shared.records.mail import mails, suppressions
from tests.fixtures.bounced import MESSAGE_ID, notification, recipient
from tests.fixtures.dns_server import dns_server
from tests.fixtures.smtp_thread import smtp_server_in_a_thread
from tests.integration.precieux.commands import OnDatabase, refused, run, run_json
from tests.integration.rows import add_job, add_upload, fetch, insert

pytestmark = pytest.mark.usefixtures("operator")

RECIPIENT = "someone@example.com"
BOUNCED = ("bounced", "550 no such user")


async def add(database: Database, **columns: Any) -> int:
    """Store a mail, and return its number."""
    values = {"kind": "result", "recipient": RECIPIENT, "status": "sent", "message_id": MESSAGE_ID, **columns}
    return int((await insert(database, "emails", **values))["id"])


@pytest.fixture
def added(on_database: OnDatabase) -> Callable[..., int]:
    """Return a function that stores a mail between two commands."""
    return lambda **columns: int(on_database(lambda database: add(database, **columns)))


async def state_of(database: Database, mail: int) -> tuple[object, object]:
    [row] = await fetch(database, "SELECT status, last_error FROM emails WHERE id = :id", id=mail)
    return row["status"], row["last_error"]


async def suppressed(database: Database) -> list[tuple[str, str]]:
    async with database.connection() as connection:
        return [(one.email, one.reason) for one in await suppressions.listed(connection)]


async def resend(database: Database, mail: int) -> str:
    async with database.transaction() as connection:
        return await mails.resend(connection, mail)


async def report(database: Database, message: bytes) -> str:
    """Store a report, and return what the command says."""
    found = read(message)
    assert found is not None
    async with database.transaction() as connection:
        return await bounce.store(connection, found)


def test_mails_are_listed_by_state_and_address(on_database: OnDatabase, added: Callable[..., int]) -> None:
    first = added()
    second = added(message_id="<2@x>", status="refused", last_error="no", recipient="Other@Example.com")
    upload = on_database(lambda database: add_upload(database, email="third@example.com"))
    ordered = added(message_id=None, status="queued", recipient=None, upload=upload, kind="receipt")
    rows = run_json("mail", "list")
    assert [row["id"] for row in rows] == [ordered, second, first]
    assert (rows[0]["kind"], rows[0]["recipient"], rows[0]["submission"]) == ("receipt", "third@example.com", upload)
    assert [row["id"] for row in run_json("mail", "list", "--state", "refused")] == [second]
    assert [row["id"] for row in run_json("mail", "list", "--email", "other@example.COM")] == [second]
    assert [row["id"] for row in run_json("mail", "list", "--limit", "1")] == [ordered]
    lines = [line.split("\t") for line in run("mail", "list").stdout.splitlines()]
    assert lines[1][:4] == [str(second), "result", "Other@Example.com", "refused"]


def test_a_mail_is_shown_with_its_history_and_text(added: Callable[..., int]) -> None:
    mail = added(
        subject="Code result", text="Hello\x1b[31m\n", html="<p>Hello</p>", last_error="550 no", status="bounced",
        attempt=2, provider_id="queued as 7", created_at=datetime(2026, 1, 1, tzinfo=UTC),
        sent_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    shown = run("mail", "show", str(mail)).stdout
    fields = dict(line.split("\t") for line in shown.splitlines() if "\t" in line)
    assert (fields["Recipient"], fields["State"], fields["Reason"]) == (RECIPIENT, "bounced", "550 no")
    assert (fields["Subject"], fields["Provider's id"]) == ("Code result", "queued as 7")
    assert shown.endswith("\n\nHello\N{REPLACEMENT CHARACTER}[31m\n")
    assert run("mail", "show", str(mail), "--html").stdout == "<p>Hello</p>\n"
    history = run_json("mail", "show", str(mail))["history"]
    assert [event["state"] for event in history] == ["queued", "sent", "bounced"]
    assert "mail list" in refused("mail", "show", "99")
    unwritten = added(message_id=None, status="queued")
    assert "not written yet" in refused("mail", "show", str(unwritten), "--html")


def test_a_mail_is_sent_again_by_command(on_database: OnDatabase, added: Callable[..., int]) -> None:
    job = on_database(add_job)
    [row] = on_database(lambda database: fetch(database, "SELECT upload FROM job"))
    mail = added(job=job, upload=row["upload"])
    assert "is mailed again as mail" in run_json("mail", "resend", str(mail))["done"]
    assert "mail list" in refused("mail", "resend", "99")


def test_all_mails_that_did_not_arrive_since_a_time_are_sent_again(
    on_database: OnDatabase, added: Callable[..., int]
) -> None:
    old, since = datetime(2026, 1, 1, tzinfo=UTC), ("--since", "2026-01-02")
    fields = {"status": "uncertain", "last_error": "no answer"}
    added(message_id="<1@x>", updated_at=old, **fields)
    mail = added(message_id="<2@x>", **fields)
    added(message_id="<3@x>", recipient="gone@example.com", **fields)
    added(message_id="<4@x>", status="refused")
    on_database(lambda database: insert(database, "suppressions", email="gone@example.com", reason="bounced"))
    seen = run_json("mail", "resend", "--state", "uncertain", *since, "--dry-run")
    assert [row["id"] for row in seen] == [mail]
    assert run_json("mail", "resend", "--state", "uncertain", *since) == {"queued": [mail]}
    assert run_json("mail", "resend", "--state", "uncertain", *since) == {"queued": []}
    assert [row["id"] for row in run_json("mail", "list", "--state", "queued")] == [mail]
    for wrong in ((), ("--state", "uncertain"), since, ("--state", "sent", *since), ("1", *since)):
        assert CliRunner().invoke(app, ["mail", "resend", *wrong]).exit_code == 2


@pytest.mark.parametrize("state", ["refused", "bounced", "suppressed"])
async def test_a_mail_that_did_not_arrive_is_sent_again(database: Database, state: str) -> None:
    mail = await add(database, status=state, last_error="no", attempt=3)
    assert await resend(database, mail) == f"Mail {mail} is queued again."
    assert await state_of(database, mail) == ("queued", None)
    [row] = await fetch(database, "SELECT attempt, message_id FROM emails")
    assert (row["attempt"], row["message_id"]) == (0, MESSAGE_ID)


async def test_a_mail_that_waits_is_sent_now(database: Database) -> None:
    mail = await add(database, status="queued", run_after=datetime(9999, 1, 1, tzinfo=UTC))
    assert await resend(database, mail) == f"Mail {mail} is sent now."
    [row] = await fetch(database, "SELECT run_after <= now() AS due FROM emails")
    assert row["due"]


@pytest.mark.parametrize("state", ["sent", "delivered"])
async def test_a_result_that_has_left_is_mailed_as_new(database: Database, state: str) -> None:
    job = await add_job(database)
    [row] = await fetch(database, "SELECT upload FROM job")
    mail = await add(database, status=state, job=job, upload=row["upload"])
    assert (await resend(database, mail)).endswith(f"as mail {mail + 1}.")
    assert (await state_of(database, mail))[0] == state
    [ordered] = await fetch(database, "SELECT kind, job, status, message_id FROM emails WHERE id = :id", id=mail + 1)
    # The runner fills in such a mail.
    assert ordered == {"kind": "result", "job": job, "status": "queued", "message_id": None}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"status": "sending"}, "is being sent"),
        ({"status": "deferred"}, "still tries"),
        ({"status": "complained"}, "has complained"),
        ({"kind": "digest"}, "has left"),
    ],
)
async def test_other_mails_are_not_sent_again(database: Database, columns: dict[str, Any], reason: str) -> None:
    mail = await add(database, **columns)
    before = await fetch(database, "SELECT * FROM emails")
    with pytest.raises(PrecieuxError, match=reason):
        await resend(database, mail)
    assert await fetch(database, "SELECT * FROM emails") == before


async def test_a_mail_without_a_result_is_not_mailed_as_new(database: Database) -> None:
    job = await add_job(database)
    [row] = await fetch(database, "SELECT upload FROM job")
    mail = await add(database, kind="failure", job=job, upload=row["upload"])
    with pytest.raises(PrecieuxError, match="has left"):
        await resend(database, mail)


async def test_nothing_is_sent_again_to_a_suppressed_address(database: Database) -> None:
    mail = await add(database, status="bounced")
    async with database.transaction() as connection:
        await suppressions.add(connection, "Someone+x@example.com", "unsubscribed")
    with pytest.raises(PrecieuxError, match=f"precieux mail suppressions remove {RECIPIENT}"):
        await resend(database, mail)
    assert (await state_of(database, mail))[0] == "bounced"


def reported(message: bytes, code: int = 0) -> str:
    """Return what the command says of a mail on its standard input."""
    result = CliRunner().invoke(app, ["mail", "bounce"], input=message)
    assert result.exit_code == code, (result.output, result.exception)
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize(
    ("message", "state", "unwanted"),
    [
        (notification(), BOUNCED, [(RECIPIENT, "bounced")]),
        (notification(recipient("failed", "4.4.7", said="gone")), ("bounced", "gone"), []),
        # Only the returned headers name the mail.
        (notification(envelope_id="of-another"), BOUNCED, [(RECIPIENT, "bounced")]),
        # The report names the address of another person.
        (notification(recipient(address="victim@example.com")), BOUNCED, [(RECIPIENT, "bounced")]),
    ],
)  # fmt: skip
async def test_a_report_becomes_the_state_of_its_mail(
    database: Database, message: bytes, state: object, unwanted: object
) -> None:
    mail, other = await add(database), await add(database, message_id="<other@x>")
    assert await report(database, message) == f"Mail {mail} is {state[0]}."  # type: ignore[index]
    assert (await state_of(database, mail), await suppressed(database)) == (state, unwanted)
    assert await state_of(database, other) == ("sent", None)
    assert "already" in await report(database, message)


@pytest.mark.parametrize("kind", ["digest", "receipt"])
async def test_a_report_of_a_mail_with_a_known_id_suppresses_nobody(database: Database, kind: str) -> None:
    mail = await add(database, kind=kind)
    await report(database, notification())
    assert ((await state_of(database, mail))[0], await suppressed(database)) == ("bounced", [])


def test_the_command_takes_any_mail_and_stores_reports(on_database: OnDatabase, added: Callable[..., int]) -> None:
    mail = added()
    foreign = notification(envelope_id="other@x", headers=())
    for message in (b"", b"Subject: Hello\n\nI am away.\n", foreign):
        assert "nothing was changed" in reported(message)
    assert on_database(lambda database: state_of(database, mail)) == ("sent", None)
    # A mail server would take it for a failure if not all of the mail was read.
    assert f"Mail {mail} is bounced." in reported(notification() + b"x" * (2 << 20))
    assert on_database(suppressed) == [(RECIPIENT, "bounced")]


def test_a_report_is_kept_while_the_database_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_database, "_CONNECT_TIMEOUT", 0.1)
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert "PRECIEUX_DATABASE_URL" in reported(notification(), code=os.EX_TEMPFAIL)


@pytest.mark.slow
def test_a_test_mail_is_sent_and_its_sender_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {"example.com": ["v=spf1 ip4:127.0.0.1 -all"], "_dmarc.example.com": ["v=DMARC1; p=none"]}
    monkeypatch.setenv("PRECIEUX_MAIL_FROM", "Course <results@example.com>")
    with smtp_server_in_a_thread() as server, dns_server(records) as resolver:
        monkeypatch.setattr(dns_records, "open_resolver", lambda: resolver)
        monkeypatch.setenv("PRECIEUX_SMTP_URL", f"smtp://127.0.0.1:{server.port}")
        result = run("mail", "test", RECIPIENT, "--locale", "fa")
        server.replies["RCPT"] = "550 5.1.1 no such user"
        failed = CliRunner().invoke(app, ["mail", "test", RECIPIENT, "--json"])
    [envelope] = server.accepted
    assert envelope.recipients == [RECIPIENT]
    assert envelope.message["Content-Language"] == "fa"
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert ["From", "Course <results@example.com>"] in rows
    assert ["Provider", "the SMTP server 127.0.0.1"] in rows
    assert [row[:2] for row in rows[-3:]] == [["SPF", "ok"], ["DKIM", "unknown"], ["DMARC", "ok"]]
    assert (failed.exit_code, "no such user" in str(failed.exception)) == (1, True)
    assert [one["check"] for one in json.loads(failed.stdout)["checks"]] == ["SPF", "DKIM", "DMARC"]


@pytest.mark.slow
def test_a_test_mail_names_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_MAILGUN_DOMAIN", "mg.example.com")
    run("mail", "test", RECIPIENT, code=os.EX_CONFIG)
