"""`precieux status --system` on a real Postgres, with the rights of the operator's role."""

import asyncio
import json

import pytest
from pydantic import SecretStr
from typer import Exit

from precieux.commands.system_status import _TEXTS, show
from precieux.host.ports import free_ports
from precieux.postgres.embedded import EmbeddedPostgres
from shared.adapters.database.connection import Database, DatabaseSettings
from shared.adapters.database.roles import Role
from shared.records.operations.health_checks import IssueKind
from shared.records.operations.workers import connection_name
from tests.fixtures.postgres import connected, migrate
from tests.integration.precieux.commands import status
from tests.integration.rows import add_job, execute

pytestmark = pytest.mark.usefixtures("operator")


def test_every_trouble_has_its_words() -> None:
    assert set(_TEXTS) == set(IssueKind)


def test_what_stops_work_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_AMQP_URL", f"amqp://guest:guest@127.0.0.1:{free_ports(1)[0]}/")
    wrong = status(code=1)
    assert [one["trouble"] for one in wrong] == ["no-api", "no-runner", "no-consumer", "broker-down"]
    assert all(one["stops_work"] and one["remedy"] for one in wrong)


def test_a_disk_without_room_for_a_temporary_file_is_full(
    own_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres makes the folder at its first need, and on a full disk it says only that the folder is not there.

    `tests/chaos/cluster/test_disk.py` has a disk that is really full.
    """
    migrate(own_postgres.url(Role.OWNER))
    (own_postgres.folder / "cluster/base/pgsql_tmp").symlink_to("/nowhere/at/all")
    monkeypatch.setenv("PRECIEUX_DATABASE_URL", own_postgres.url(Role.OPERATOR))
    [only] = status(code=1)
    assert only["trouble"] == "disk-full"


async def test_languages_that_do_not_work_are_a_line(database_url: str) -> None:
    rows = {"go": {"fault": "it is gone"}, "kt": {"name": "Kotlin", "fault": "no Java"}, "py": {"name": "Python"}}
    async with connected(database_url) as owner:
        for code, details in rows.items():
            insert = (
                "INSERT INTO languages (code, info, details, seen_at)"
                " VALUES (:code, '', CAST(:details AS jsonb), now())"
            )
            await execute(owner, insert, code=code, details=json.dumps(details))
    wrong = {one["trouble"]: one for one in await asyncio.to_thread(status, code=1)}
    assert wrong["languages-broken"]["what"] == "languages do not work: go, Kotlin"


async def test_each_reason_of_a_retry_is_a_line(database_url: str) -> None:
    retried = "UPDATE job SET failure = :reason, attempt = :attempt WHERE id = :job"
    async with connected(database_url) as owner:
        for reason, attempt in (("The store answers 503", 6), ("The store answers 503", 2), ("no \x1b[31mengine", 1)):
            await execute(owner, retried, reason=reason, attempt=attempt, job=await add_job(owner))
        wrong = [one for one in await asyncio.to_thread(status, code=1) if one["trouble"] == "nothing-runs"]
        assert [one["count"] for one in wrong] == [2, 1]
        assert wrong[0]["what"].endswith("(6 tries): The store answers 503")
        assert "\x1b" not in wrong[1]["what"]
        assert all(one["stops_work"] for one in wrong)
        await execute(owner, "UPDATE job SET status = 'executed', finished_at = now() WHERE attempt = 1")
        wrong = [one for one in await asyncio.to_thread(status, code=1) if one["trouble"] == "jobs-retried"]
        assert [(one["count"], one["stops_work"]) for one in wrong] == [(2, False)]


@pytest.mark.parametrize(
    ("failed", "is_paused"),
    [
        ("last_error = 'Mailgun is unavailable (503)'", True),
        ("last_error = 'Mailgun is unavailable (500)', crashes = 1, run_after = now() + interval '1 hour'", True),
        ("last_error = 'greylisted', run_after = now() + interval '1 minute'", False),
        ("last_error = NULL", False),
    ],
)
async def test_an_outage_of_the_mail_provider_is_named(database_url: str, failed: str, is_paused: bool) -> None:
    add = "INSERT INTO emails (kind, recipient, message_id, status, sent_at) VALUES ('result', 'a@example.com', :id, "
    async with connected(database_url) as owner:
        await execute(owner, f"{add} 'queued', NULL)", id="<1@example.com>")
        await execute(owner, f"UPDATE emails SET {failed}")
        wrong = {one["trouble"]: one for one in await asyncio.to_thread(status, code=1)}
        assert ("mails-paused" in wrong) == is_paused
        if is_paused:
            assert wrong["mails-paused"]["stops_work"]
            assert "Mailgun is unavailable" in wrong["mails-paused"]["what"]
        await execute(owner, f"{add} 'sent', now())", id="<2@example.com>")
        assert "mails-paused" not in [one["trouble"] for one in await asyncio.to_thread(status, code=1)]


async def test_a_service_at_work_has_nothing_wrong(database_url: str) -> None:
    names = ("api_service", "queue_consumer", "job_runner")
    async with connected(database_url) as owner:
        pools = [
            Database(DatabaseSettings(database_url=SecretStr(database_url)), name=connection_name(name))
            for name in names
        ]
        for pool in pools:
            await pool.connect()
        assert await asyncio.to_thread(status, code=0) == []
        await execute(
            owner, "INSERT INTO outbox (queue, body, failure, failed_at) VALUES ('emails', 'x', 'no id', now())"
        )
        [letter] = await asyncio.to_thread(status, code=0)
        assert (letter["trouble"], letter["count"], letter["stops_work"]) == ("dead-letters", 1, False)
        for pool in pools:
            await pool.disconnect()


async def test_programs_that_wait_for_slots_are_counted(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with connected(database_url) as owner:
        for number in range(5):
            job = await add_job(owner)
            due, executing = "run_after = now() - interval '12.5 s'", "status = 'executing', started_at = now()"
            change = due if number > 3 else executing
            await execute(owner, f"UPDATE job SET {change} WHERE id = :id", id=job)
        await execute(
            owner,
            "INSERT INTO languages (code, info, details, seen_at) VALUES ('py', '', :details, now())",
            details=json.dumps({"slots": 2}),
        )
        with pytest.raises(Exit):
            await asyncio.to_thread(show, None, as_json=False)
        said = capsys.readouterr()
        assert "All 2 slots are taken; 3 programs wait, the first for 12 s." in said.out + said.err
        await execute(owner, "UPDATE languages SET details = :details", details=json.dumps({"slots": 5}))
        with pytest.raises(Exit):
            await asyncio.to_thread(show, None, as_json=False)
        said = capsys.readouterr()
        assert "slots" not in said.out + said.err
