"""The files that a program wrote to `out/`, from the engine's answer to the store, the result and the mail."""

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from job_runner.emails.sending.pending_mails import PendingMails
from job_runner.leases import claim
from job_runner.runs.process import Processor
from job_runner.upkeep.cleaner import Cleaner
from shared.adapters.database.connection import Connection, Database
from shared.adapters.storage.local import LocalStore
from shared.common.files.content import Content
from shared.common.service.errors import StoreUnavailable
from shared.records.mail.mails import order
from tests.factories import BRANDING
from tests.integration.job_runner.engines import STARTED, StreamingEngine, ended
from tests.integration.job_runner.mails import MAILER
from tests.integration.job_runner.program_rows import Run, add, all_are, running
from tests.integration.rows import execute, fetch
from tests.waiting import eventually

#: What API v1 stores with a submission.
_OF_V1 = {"artifacts": True}
_PNG = b"\x89PNG\r\n\x1a\n"
_HOSTILE = "<script>alert(1)</script>.svg".replace("/", "_")


def _wrote(files: dict[str, bytes], **left_out: int) -> Any:
    artifacts = [{"name": name, "content": urlsafe_b64encode(content).decode()} for name, content in files.items()]
    return ended(1, artifacts=artifacts, artifacts_left_out=left_out)


async def _stored(store: LocalStore) -> set[str]:
    return {key async for keys in store.keys("results") for key in keys if not key.endswith(".txt")}


async def test_artifacts_are_stored_and_described(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    files = {"a.png": _PNG, "b.html": b"<script>", _HOSTILE: b"<svg/>", "d.csv": b"1,2\n", "e.csv": b"\xff"}
    engine.streams = [[STARTED, _wrote(files, too_many=2)]]
    await run(owner=None, spec=_OF_V1)
    assert engine.requests[0].artifacts
    [row] = await fetch(database, "SELECT artifacts, artifacts_left_out FROM results")
    artifacts = json.loads(row["artifacts"])
    assert [(one["name"], one["bytes"], one["media_type"]) for one in artifacts] == [
        ("a.png", 8, "image/png"),
        ("b.html", 8, "application/octet-stream"),
        (_HOSTILE, 6, "application/octet-stream"),
        ("d.csv", 4, "text/csv; charset=utf-8"),
        ("e.csv", 1, "application/octet-stream"),
    ]
    assert json.loads(row["artifacts_left_out"]) == {"too_many": 2}
    assert {one["key"] for one in artifacts} == await _stored(store)
    for artifact, content in zip(artifacts, files.values(), strict=True):
        assert await store.get(artifact["key"]) == content
        assert artifact["sha256"] == hashlib.sha256(content).hexdigest()


async def test_the_mail_links_to_artifacts(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    """And so does the mail that is ordered again."""
    engine.streams = [[STARTED, _wrote({_HOSTILE: b"12345", "\u0637\u0631\u062d.png": _PNG}, not_a_file=1)]]
    upload = await run(owner=None, email="a@example.com", spec=_OF_V1)
    [job] = await fetch(database, "SELECT id FROM job")
    async with database.connection() as connection:
        await order(connection, job=job["id"], upload=upload)
    assert await PendingMails(database, store, BRANDING).render() == 1
    mails = await fetch(database, "SELECT text, html FROM emails ORDER BY id")
    assert len(mails) == 2
    for mail in mails:
        assert f"/pages/{upload}/artifacts/%D8%B7%D8%B1%D8%AD.png?run=1&expires=" in mail["text"]
        assert f"{_HOSTILE} (5 bytes):" in mail["text"]
        assert "Skipped in out/: 1 (not regular files)." in mail["text"]
        assert "<script>alert" not in mail["html"]
        assert "&lt;script&gt;alert(1)&lt;_script&gt;.svg" in mail["html"]
        assert f"/pages/{upload}/artifacts/%3Cscript%3E" in mail["html"]


async def test_no_result_is_written_before_its_artifacts(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails at the second file. The outcome waits for it, without another run."""
    put, artifacts = store.put, 0

    async def fail_once(key: str, data: bytes, *, content_type: str = "application/octet-stream") -> None:
        nonlocal artifacts
        artifacts += not key.endswith(".txt") and key.startswith("results/")
        if artifacts == 2:
            artifacts += 1
            raise StoreUnavailable("The store is down.")
        await put(key, data, content_type=content_type)

    monkeypatch.setattr(store, "put", fail_once)
    engine.streams = [[STARTED, _wrote({"a": b"1", "b": b"2"})]]
    await run(owner=None, spec=_OF_V1)
    assert artifacts > 2
    [row] = await fetch(database, "SELECT artifacts, attempt FROM results JOIN job ON job.id = results.job")
    assert row["attempt"] == 1
    assert {one["key"] for one in json.loads(row["artifacts"])} == await _stored(store)
    await _remove_all(database, store)
    assert await _stored(store) == set()


async def test_a_lost_lease_leaves_no_artifacts(
    database: Database,
    store: LocalStore,
    processor: Processor,
    engine: StreamingEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The runner hears of the loss while it stores the outcome, and finishes that before it gives up."""
    engine.streams = [[STARTED, _wrote({"a": b"1"})]]
    await add(database, store, owner=None, spec=_OF_V1)
    put, heartbeat = store.put, claim.heartbeat
    losses = 0
    has_acted = asyncio.Event()

    async def is_removed() -> bool:
        return not await _stored(store)

    async def lose(key: str, data: Content, *, content_type: str = "") -> None:
        await put(key, data)
        if not key.endswith(".txt"):
            await execute(database, "UPDATE job SET lease_id = NULL, status = 'cancelled', finished_at = now()")
            await has_acted.wait()

    async def check(connection: Connection, leases: Sequence[UUID], *, lease_seconds: float) -> set[UUID]:
        nonlocal losses
        ours = await heartbeat(connection, leases, lease_seconds=lease_seconds)
        losses += not ours
        if losses == 2:  # the runner has acted on the first one
            has_acted.set()
        return ours

    store.put = lose  # type: ignore[method-assign]
    monkeypatch.setattr(claim, "heartbeat", check)
    async with running(database, processor, lease_seconds=1):
        await all_are("cancelled", database)
        await eventually(is_removed)


async def _remove_all(database: Database, store: LocalStore) -> None:
    await execute(database, "UPDATE uploads SET created_at = now() - interval '2 days'")
    await execute(database, "UPDATE emails SET status = 'sent'")
    assert await Cleaner(database, store, MAILER, days=1).run_once() == 1
