"""`precieux queue`, `dead`, `jobs` and others on a real Postgres, which is the broker too."""

import os
import re
import uuid
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from job_runner.leases import claim
from precieux.cli import app
from precieux.commands.queue import age
from shared.adapters.database import migrate
from shared.adapters.database.connection import Database
from shared.common.service.errors import ConfigurationError
from shared.records.accounts.webhooks import WebhookSettings, can_sign, is_secret, new_secret, signing_secrets
from shared.records.mail import suppressions
from tests.integration.precieux.commands import OnDatabase, Sql, refused, run, run_json
from tests.integration.rows import add_job, add_upload, execute, insert

pytestmark = pytest.mark.usefixtures("operator")


def test_queue_lists_every_place_and_state_with_its_oldest_age(on_database: OnDatabase) -> None:
    async def fill(database: Database) -> None:
        for _ in range(3):
            await add_job(database)
        first = await add_job(database)
        async with database.transaction() as connection:
            await claim.claim(connection, limit=2, lease_seconds=30)
        await execute(database, "UPDATE job SET run_after = now() + interval '1 hour' WHERE id = :id", id=first)
        await execute(
            database,
            "UPDATE job SET lease_expires_at = now() - interval '1 s', started_at = now() - interval '2 hours'"
            " WHERE id = (SELECT min(id) FROM job WHERE status = 'executing')",
        )
        await add_upload(database, request_id=uuid.uuid4())
        await execute(
            database,
            "INSERT INTO outbox (queue, body, failure, failed_at)"
            " VALUES ('emails', '1', NULL, NULL), ('emails', 'x', 'no id', now())",
        )
        await execute(
            database, "INSERT INTO emails (kind, status) VALUES ('result', 'bounced'), ('result', 'deferred')"
        )
        await execute(database, "INSERT INTO webhooks (type, url, status) VALUES ('x', 'http://a/', 'failed')")

    on_database(fill)
    counts = {(row["place"], row["state"]): row for row in run_json("queue")}
    assert {key: row["count"] for key, row in counts.items() if row["count"]} == {
        ("requests", "without a job"): 1,
        ("outbox", "waiting"): 1,
        ("broker", "dead"): 1,
        ("jobs", "due"): 1,
        ("jobs", "later"): 1,
        ("jobs", "executing"): 1,
        ("jobs", "lost"): 1,
        ("mails", "deferred"): 1,
        ("mails", "bounced"): 1,
        ("webhooks", "failed"): 1,
    }
    assert len(counts) == 25
    assert 7200 <= counts["jobs", "lost"]["oldest_s"] < 7300
    assert counts["mails", "sent"] == {"place": "mails", "state": "sent", "count": 0, "oldest_s": None}
    lines = [line.split("\t") for line in run("queue").stdout.splitlines()]
    assert ["jobs", "lost", "1", "2 h"] in [[*line[:3], " ".join(line[3].split()[:2])] for line in lines]


def test_an_unavailable_broker_hides_no_other_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_AMQP_URL", "amqp://guest:guest@127.0.0.1:9/")
    counts = {(row["place"], row["state"]): row["count"] for row in run_json("queue")}
    assert counts["broker", "waiting"] is None
    assert counts["jobs", "due"] == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, None), (0, "0 s"), (59.9, "59 s"), (3600, "1 h"), (90061, "1 d 1 h"), (61, "1 min 1 s")],
)
def test_ages_have_their_two_largest_units(seconds: float | None, text: str | None) -> None:
    assert age(seconds) == text


def test_dead_letters_are_listed_replayed_and_dropped(sql: Sql) -> None:
    sql(
        "INSERT INTO outbox (queue, body, headers, failure, failed_at) VALUES"
        " ('emails', '7', '{\"message_id\": \"a\"}', 'no upload', now()), ('emails', '8\t', '{}', 'no id', now()),"
        " ('emails', '9', '{\"message_id\": \"c\"}', 'x', now())"
    )
    first, second, _ = run_json("dead", "list")
    assert (first["body"], first["message_id"], first["reason"]) == ("7", "a", "no upload")
    assert (second["body"], second["message_id"]) == ("8\t", None)
    assert [one["body"] for one in run_json("dead", "replay", first["key"])] == ["7"]
    assert [one["body"] for one in run_json("dead", "drop", "--all")] == ["8\t", "9"]
    left = sql("SELECT body, attempt, failure, failed_at FROM outbox")
    assert left == [{"body": "7", "attempt": 0, "failure": None, "failed_at": None}]
    assert run_json("dead", "list") == []
    assert "no dead letter 77" in refused("dead", "drop", "77")
    run("dead", "drop", code=2)
    run("dead", "drop", "--all", "77", code=2)


def test_jobs_are_listed_and_shown(on_database: OnDatabase, sql: Sql) -> None:
    async def fill(database: Database) -> tuple[int, int]:
        return await add_job(database), await add_job(database)

    older, newer = on_database(fill)
    assert [job["id"] for job in run_json("jobs", "list")] == [newer, older]
    assert run_json("jobs", "list", "--state", "executed") == []
    email = run_json("jobs", "show", str(older))["email"]
    assert [job["id"] for job in run_json("jobs", "list", "--email", email)] == [older]
    assert [job["id"] for job in run_json("jobs", "list", "--email", email.upper())] == [older]
    assert run("jobs", "list", "--limit", "1").stdout.split("\t")[0] == str(newer)
    assert "no job 99" in refused("jobs", "show", "99")
    assert "Blocked" in run("jobs", "show", str(older)).stdout
    # Only a classic call is refused after an error.
    sql("UPDATE uploads SET spec = '{}'")
    assert "Blocked" not in run("jobs", "show", str(older)).stdout


def test_a_waiting_job_is_made_due_and_a_failed_one_runs_again(on_database: OnDatabase, sql: Sql) -> None:
    job = on_database(add_job)

    sql("UPDATE job SET run_after = now() + interval '1 hour'")
    assert "due now" in run("jobs", "retry", str(job)).stdout
    assert sql("SELECT run_after <= now() AS due FROM job") == [{"due": True}]

    sql("UPDATE job SET status = 'failed'")
    assert "already" in refused("jobs", "retry", str(job))  # its request is still set
    sql("UPDATE uploads SET request_id = NULL")
    assert "requested again" in run("jobs", "retry", str(job)).stdout
    [row] = sql(
        "SELECT headers ->> 'message_id' = request_id::text AS same, body = uploads.id::text AS upload"
        " FROM outbox, uploads WHERE requested_at IS NOT NULL"
    )
    assert row == {"same": True, "upload": True}
    for status, reason in (("executed", "was executed"), ("executing", "being executed")):
        sql("UPDATE job SET status = :status", status=status)
        assert reason in refused("jobs", "retry", str(job))


def test_a_job_of_an_earlier_run_is_not_retried(on_database: OnDatabase, sql: Sql) -> None:
    job = on_database(add_job)
    sql('UPDATE uploads SET request_id = NULL, runs = 2, override = CAST(\'{"stdin": "x"}\' AS jsonb)')
    sql("UPDATE job SET status = 'failed'")
    assert "is run 1 of submission" in refused("jobs", "retry", str(job))
    sql("UPDATE job SET number = 2")
    assert "requested again" in run("jobs", "retry", str(job)).stdout


def test_all_that_failed_since_a_time_is_requested_again(on_database: OnDatabase, sql: Sql) -> None:
    async def prepare(database: Database) -> list[int]:
        failed, early, poison, ran, pending, earlier = [await add_job(database) for _ in range(6)]
        await execute(database, "UPDATE uploads SET request_id = NULL")
        await execute(
            database,
            "UPDATE job SET status = 'failed', finished_at = now(), failure = 'no engine' WHERE id <> :ran",
            ran=ran,
        )
        for sql, job in (
            ("UPDATE job SET finished_at = now() - interval '2 days' WHERE id = :id", early),
            ("UPDATE job SET stop_reason = 'it stopped the engine' WHERE id = :id", poison),
            ("UPDATE uploads SET request_id = gen_random_uuid() FROM job WHERE upload = uploads.id AND job.id = :id",
             pending),
            ("UPDATE uploads SET runs = 2 FROM job WHERE upload = uploads.id AND job.id = :id", earlier),
        ):  # fmt: skip
            await execute(database, sql, id=job)
        return [failed]

    [failed] = on_database(prepare)
    yesterday = (datetime.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")  # noqa: DTZ005  (local time)
    assert run_json("jobs", "retry", "--failed-since", yesterday) == {"requested": 1}
    [row] = sql(
        "SELECT job.id, headers ->> 'message_id' = uploads.request_id::text AS same, uploads.runs FROM outbox"
        " JOIN uploads ON uploads.id::text = body JOIN job ON job.upload = uploads.id"
    )
    assert row == {"id": failed, "same": True, "runs": 2}
    assert "0 submissions" in run("jobs", "retry", "--failed-since", yesterday).stdout
    run("jobs", "retry", code=2)
    run("jobs", "retry", str(failed), "--failed-since", yesterday, code=2)


def test_a_cancelled_job_is_taken_from_its_runner_with_a_reason(on_database: OnDatabase, sql: Sql) -> None:
    job = on_database(add_job)

    async def take(database: Database) -> claim.ClaimedJob:
        async with database.transaction() as connection:
            return (await claim.claim(connection, limit=1, lease_seconds=30))[0]

    held = on_database(take)
    assert "recipient gets a mail" in run("jobs", "cancel", str(job)).stdout

    async def beat(database: Database) -> set[uuid.UUID]:
        async with database.transaction() as connection:
            return await claim.heartbeat(connection, [held.lease_id], lease_seconds=30)

    assert on_database(beat) == set()
    assert "cancelled" in str(on_database(take).stop_reason)
    sql("UPDATE job SET status = 'executed', stop_reason = NULL")
    assert "executed already" in refused("jobs", "cancel", str(job))
    assert "no job" in refused("jobs", "cancel", "99")


def test_a_suppression_is_listed_and_removed_by_any_spelling(on_database: OnDatabase) -> None:
    async def unsubscribe(database: Database) -> None:
        async with database.transaction() as connection:
            for email in ("Opt.Out@gmail.com", "optout+x@googlemail.com", "other@example.com"):
                await suppressions.add(connection, email, "unsubscribed")

    on_database(unsubscribe)
    assert len(run_json("mail", "suppressions", "list")) == 3
    removed = run_json("mail", "suppressions", "remove", "optout@gmail.com")
    assert sorted(one["email"] for one in removed) == ["Opt.Out@gmail.com", "optout+x@googlemail.com"]
    [left] = run_json("mail", "suppressions", "list")
    assert (left["email"], left["reason"]) == ("other@example.com", "unsubscribed")
    assert "suppressions list" in refused("mail", "suppressions", "remove", "optout@gmail.com")
    run("mail", "suppressions", "add", "no address", code=2)
    run("mail", "suppressions", "add", "banned@example.com")
    assert run_json("mail", "suppressions", "list")[-1]["reason"] == "operator"


def test_a_key_shows_its_webhook_secret_once(on_database: OnDatabase) -> None:
    created = run_json("keys", "create", "course")
    assert is_secret(created["webhook_secret"])
    result = run("keys", "create", "other")
    assert re.fullmatch(r"pcx_\S+\n", result.stdout)
    [secret] = re.findall(r"whsec_\S+(?=,)", result.stderr)
    assert is_secret(secret)
    assert secret != created["webhook_secret"]
    for shown in (run("keys", "list"), run("keys", "list", "--json")):
        assert "whsec_" not in shown.output
    assert secrets_of(on_database, created["id"]) == [created["webhook_secret"]]


def test_a_key_has_a_name_that_fits_in_a_line() -> None:
    for name in ("", " ", "x" * 201, "two\nlines", "\x1b[31mred", "\u200c", "left\u202eright"):
        assert "visible" in run("keys", "create", name, code=2).output
    assert run_json("keys", "list") == []


def test_a_link_holds_a_key_with_an_end_that_mails_nobody(sql: Sql) -> None:
    day = (datetime.now() + timedelta(days=9)).strftime("%Y-%m-%d")  # noqa: DTZ005  (the day where the command runs)
    words = ("keys", "create", "Course", "--link", "--until", day, "--run-seconds", "600", "--url", "https://x.org/p/")
    assert re.fullmatch(r"https://x\.org/p/problems#key=pcx_[\w-]+\n", run(*words).stdout)
    made = run_json(*words, "--problem", "sum")
    assert made["link"] == f"https://x.org/p/problems/sum#key={made['key']}"
    rows = sql("SELECT scopes, recipients, run_seconds, revoked_at > now() + interval '8 days' AS lasts FROM api_keys")
    assert [dict(row) for row in rows] == 2 * [
        {"scopes": ["read", "submit"], "recipients": [], "run_seconds": 600, "lasts": True}
    ]
    assert run_json("keys", "create", "Course", "--link", "--recipients", "x.org")["recipients"] == ["x.org"]
    assert "over" in run("keys", "create", "Course", "--until", "2020-01-01", code=2).output
    assert "/problems/sum#key=pcx_" in run("keys", "create", "Course", "--problem", "sum").stdout


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scheme": "mysql"}, "PRECIEUX_DATABASE_URL"),
        ({"netloc": "someone@127.0.0.1:99999"}, "port must be 0-65535"),
        ({"path": "/missing"}, 'database "missing" does not exist'),
        ({"query": "sslmode=none"}, "sslmode"),
    ],
)
def test_a_wrong_address_is_one_sentence(
    change: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = urlsplit(os.environ["PRECIEUX_DATABASE_URL"])._replace(**change)
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", address.geturl())
    for command in (("queue",), ("upgrade", "--check")):
        error = CliRunner().invoke(app, command).exception
        assert isinstance(error, ConfigurationError), command
        assert sentence in str(error)
    assert migrate.main() == os.EX_CONFIG
    assert sentence in capsys.readouterr().err


def test_a_rotated_webhook_secret_signs_along_for_a_day(on_database: OnDatabase, sql: Sql) -> None:
    created = run_json("keys", "create", "course")
    rotated = run_json("keys", "rotate-webhook-secret", str(created["id"]))
    assert is_secret(rotated["webhook_secret"])
    both = [rotated["webhook_secret"], created["webhook_secret"]]
    assert secrets_of(on_database, created["id"]) == both
    sql("UPDATE api_keys SET old_webhook_secret_until = old_webhook_secret_until - interval '1d'")
    assert secrets_of(on_database, created["id"]) == both[:1]
    plain = run("keys", "rotate-webhook-secret", str(created["id"]))
    assert is_secret(plain.stdout.strip())
    assert secrets_of(on_database, created["id"]) == [plain.stdout.strip(), rotated["webhook_secret"]]
    run("keys", "revoke", str(created["id"]))
    assert "keys list" in refused("keys", "rotate-webhook-secret", str(created["id"]))
    assert "keys list" in refused("keys", "rotate-webhook-secret", "99")


def test_the_secret_of_the_settings_signs_for_keys_without_one(on_database: OnDatabase) -> None:
    created = run_json("keys", "create", "course")["id"]
    assert secrets_of(on_database, None) == []
    fallback = new_secret()
    assert secrets_of(on_database, None, fallback) == [fallback]
    assert fallback not in secrets_of(on_database, created, fallback)


def secrets_of(on_database: OnDatabase, key: int | None, fallback: str | None = None) -> list[str]:
    """Return what signs the webhooks of a key, after a check that the API knows whether there is anything."""
    settings = WebhookSettings(webhook_secret=SecretStr(fallback) if fallback else None)

    async def work(database: Database) -> list[str]:
        async with database.transaction() as connection:
            found = await signing_secrets(connection, key, settings)
            assert await can_sign(connection, key, settings) is bool(found)
        return found

    secrets: list[str] = on_database(work)
    return secrets


def test_webhooks_are_listed_shown_and_replayed(sql: Sql) -> None:
    def states() -> list[tuple[object, object]]:
        return [(row["status"], row["attempt"]) for row in sql("SELECT status, attempt FROM webhooks ORDER BY id")]

    sql(
        "INSERT INTO webhooks (upload, run, type, url, body, status, attempt, last_status, last_error) VALUES"
        " (7, 1, 'submission.finished', 'http://a.example/', '{}', 'failed', 10, 500, 'HTTP 500'),"
        " (8, 1, 'submission.failed', 'http://b.example/', '{}', 'delivered', 1, 204, NULL),"
        " (8, 2, 'submission.finished', 'http://b.example/', NULL, 'pending', 0, NULL, NULL)"
    )
    newest, delivered, failed = run_json("webhooks", "list")
    assert (newest["state"], newest["run"], newest["next_attempt_at"] is not None) == ("pending", 2, True)
    assert (failed["state"], failed["attempts"], failed["last_status"], failed["last_error"]) == (
        "failed", 10, 500, "HTTP 500",
    )  # fmt: skip
    assert failed["next_attempt_at"] is None
    assert [one["id"] for one in run_json("webhooks", "list", "--state", "failed")] == [failed["id"]]
    assert len(run_json("webhooks", "list", "--submission", "8")) == 2
    assert len(run_json("webhooks", "list", "--limit", "1")) == 1
    assert "http://a.example/" in run("webhooks", "list").stdout
    shown = run_json("webhooks", "show", str(failed["id"]))
    assert (shown["message"], shown["body"]) == (failed["message"], "{}")
    assert shown["message"].startswith("msg_")
    [replayed] = run_json("webhooks", "replay", "--all-failed")
    assert (replayed["id"], replayed["message"], replayed["state"]) == (failed["id"], failed["message"], "pending")
    assert states() == [("pending", 0), ("delivered", 1), ("pending", 0)]
    run("webhooks", "replay", str(delivered["id"]))
    assert states() == [("pending", 0)] * 3
    assert "webhooks list" in refused("webhooks", "replay", str(delivered["id"]), "99")
    assert "webhooks list" in refused("webhooks", "show", "99")
    run("webhooks", "replay", code=2)
    run("webhooks", "replay", "1", "--all-failed", code=2)


def test_a_key_lists_its_recipients_and_its_run_time() -> None:
    recipients = ("--recipients", "example.edu, *.example.edu", "--recipients", "a@b.org")
    made = run_json("keys", "create", "course", *recipients, "--run-seconds", "0")
    assert (made["recipients"], made["run_seconds"]) == (["example.edu", "*.example.edu", "a@b.org"], 0)
    assert run_json("keys", "create", "anybody")["run_seconds"] is None
    limited, anybody = run_json("keys", "list")
    assert (limited["recipients"], limited["run_seconds"]) == ("example.edu *.example.edu a@b.org", 0)
    assert (anybody["recipients"], anybody["run_seconds"]) == (None, None)
    run("keys", "create", "wrong", "--recipients", "example", code=2)
    run("keys", "create", "other", "--run-seconds", "-1", code=2)


def test_a_person_is_forgotten(on_database: OnDatabase, sql: Sql) -> None:
    async def add(database: Database) -> None:
        await insert(database, "batches", id=7, digest_to="Ann@example.com")
        for email in ("Ann+tag@example.com", "ann@EXAMPLE.com", "joanna@example.com"):
            upload = await add_upload(database, email=email, batch=7)
            await insert(database, "emails", kind="result", upload=upload)
            await insert(database, "emails", kind="digest", batch=7, recipient=email)
            await insert(database, "webhooks", upload=upload, type="a", url="http://a", body=email)
        async with database.transaction() as connection:
            await suppressions.add(connection, "ann@example.com", "unsubscribed")

    def left() -> list[str]:
        rows = sql(
            "SELECT email FROM uploads UNION ALL SELECT recipient FROM emails UNION ALL SELECT body FROM webhooks"
            " UNION ALL SELECT digest_to FROM batches"
            " UNION ALL SELECT convert_from(body, 'UTF8') FROM idempotency_keys"
        )
        return sorted(row["email"] for row in rows if row["email"])

    on_database(add)
    sql(
        "INSERT INTO idempotency_keys (owner, path, key, content_sha256, claim_id, made, body)"
        " VALUES (0, '/v1/submissions', 'a', '', gen_random_uuid(), 1, 'ann@example.com')"
    )
    sql("UPDATE uploads SET request_id = gen_random_uuid() WHERE id = 1")
    before = left()
    expected = {"addresses": ["ann+tag@example.com", "ann@example.com"], "submissions": [1, 2], "mails": 4}
    assert run_json("forget", "ANN@example.com") == {**expected, "under_way": [1], "deleted": False}
    assert "queued or running: 1." in refused("forget", "ann@example.com", "--yes")
    assert left() == before
    sql("UPDATE uploads SET request_id = NULL")
    assert run_json("forget", "ann@example.com", "--yes") == {**expected, "under_way": [], "deleted": True}
    assert left() == ["joanna@example.com"] * 3
    assert "No submission and no mail" in refused("forget", "ann@example.com")
    assert [row["email"] for row in run_json("mail", "suppressions", "list")] == ["ann@example.com"]
