"""The resources of API v1, read from rows as the services write them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.database.connection import Connection, Database
from shared.adapters.database.roles import Role
from shared.adapters.storage.signing import LinkSigner
from shared.records.resources import queue_positions, read, statements
from shared.records.resources.links import Links
from shared.records.resources.models import Submission
from tests.integration.plans import plan_of, rows_read
from tests.integration.rows import add_upload, execute, fetch, insert, offer
from tests.integration.submission_rows import add, add_finished, end, make_job, request

LINKS = Links(LinkSigner(b"k" * 32, "https://judge.example.edu"))
BOUNDS = {
    "cpu_s": {"default": 10, "max": 60},
    "wall_s": {"default": 20, "max": 120},
    "memory_bytes": {"default": 256 << 20, "max": 1 << 30},
    "output_bytes": {"default": 1 << 20, "max": 4 << 20},
    "processes": {"default": 64, "max": 256},
}


@pytest.fixture
def database_role() -> Role:
    return Role.API


class Counting(Connection):
    """Counts the statements."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner._raw)
        self.count = 0

    async def fetch_one(self, *args: Any) -> Any:
        self.count += 1
        return await super().fetch_one(*args)

    async def fetch_all(self, *args: Any) -> Any:
        self.count += 1
        return await super().fetch_all(*args)


async def get(database: Database, upload: int, **how: Any) -> Submission:
    async with database.connection() as connection:
        found = await read.submission(connection, upload, links=LINKS, **how)
    assert found is not None
    return found


async def test_a_submission_without_tests_takes_one_statement(database: Database) -> None:
    upload = await add_finished(database)
    async with database.connection() as inner:
        connection = Counting(inner)
        assert await read.submission(connection, upload, links=LINKS) is not None
    assert connection.count == 1


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_a_run_without_a_result(database: Database, status: str) -> None:
    upload = await add(database)
    await request(database, upload)
    await end(database, await make_job(database, upload), status)
    submission = await get(database, upload)
    assert submission.run is not None
    assert (submission.state, submission.verdict, submission.run.state) == (status, None, status)
    assert submission.run.stdout is None


async def test_a_classic_submission_reads_like_one_of_v1(database: Database) -> None:
    upload = await add_upload(database, email="b@example.com", language="Python3", object_key="7.py")
    await request(database, upload)
    job = await make_job(database, upload)
    engine = {"status": 200, "language": "py", "info": "Python 3.11.9\n"}
    await end(
        database, job, verdict="runtime_error", output="1\n", error="Traceback", signal=11, exit_code=139,
        time_s=0.5, wall_s=0.6, memory_bytes=1024, truncated=True, engine=json.dumps(engine),
    )  # fmt: skip
    submission = await get(database, upload)
    run = submission.run
    assert run is not None
    assert (submission.language, submission.entry, submission.email) == ("py", "7.py", "b@example.com")
    assert [file.path for file in submission.files] == ["7.py"]
    assert submission.checker
    assert submission.checker.model_dump() == {"kind": "lines", "tolerance": None}
    assert (run.verdict, run.stdout, run.stderr, run.compile_output) == ("runtime_error", "1\n", "Traceback", None)
    assert (run.signal, run.exit_code, run.truncated) == ("SIGSEGV", None, ["stdout"])
    assert (run.cpu_s, run.wall_s, run.memory_bytes) == (0.5, 0.6, 1024)
    assert (run.engine.language, run.engine.version, run.tests, run.points) == ("py", "3.11.9", None, None)


async def test_diagnostics_of_a_classic_run(database: Database) -> None:
    upload = await add_upload(database, language="c++")
    await request(database, upload)
    await end(database, await make_job(database, upload), verdict="compile_error", output="", error="a.cpp:1: error")
    run = (await get(database, upload)).run
    assert run is not None
    assert (run.compile_output, run.stderr, run.verdict) == ("a.cpp:1: error", None, "compile_error")


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "ok"), (400, "runtime_error"), (408, "time_limit"), (None, None)]
)
async def test_the_verdict_of_an_engine_that_sends_none(
    database: Database, status: int | None, verdict: str | None
) -> None:
    """The original system stored no answer of its engine."""
    engine = json.dumps({"status": status}) if status else None
    upload = await add_upload(database)
    await request(database, upload)
    await end(database, await make_job(database, upload), output="", engine=engine)
    assert (await get(database, upload)).verdict == verdict


async def test_the_limits_are_those_in_effect(database: Database) -> None:
    await offer(database, limits=BOUNDS)
    limits = (await get(database, await add(database))).limits
    assert (limits.cpu_s, limits.wall_s, limits.memory_bytes, limits.processes) == (2, 20, 256 << 20, 64)
    classic = await add_upload(database, language="PYTHON ")
    assert (await get(database, classic)).limits.cpu_s == 10


async def test_the_state_of_the_latest_mail_and_webhook(database: Database) -> None:
    upload = await add(database, webhook_url="https://example.com/hook")
    webhook = (await get(database, upload)).webhook
    assert webhook is not None
    assert (webhook.state, webhook.attempts, webhook.next_attempt_at) == ("pending", 0, None)
    await request(database, upload)
    await make_job(database, upload)
    await execute(
        database,
        "INSERT INTO emails (id, job, kind, upload, status) VALUES (1, NULL, 'failure', :id, 'sent'),"
        " (2, NULL, 'result', :id, 'bounced'), (3, NULL, 'receipt', :id, 'queued')",
        id=upload,
    )
    ended = {"status": "failed", "attempt": 9, "last_status": 500, "last_error": "it answered 500"}
    url = "https://example.com/hook"
    await insert(database, "webhooks", upload=upload, run=1, type="submission.finished", url=url, **ended)
    submission = await get(database, upload)
    assert submission.mail is not None
    assert (submission.mail.id, submission.mail.state) == (2, "bounced")
    assert submission.webhook is not None
    assert submission.webhook.model_dump() == {
        "url": "https://example.com/hook",
        "state": "failed",
        "attempts": 9,
        "last_status": 500,
        "last_error": "it answered 500",
        "next_attempt_at": None,
    }


async def test_places_follow_the_turns_of_the_keys(database: Database) -> None:
    await execute(database, "INSERT INTO api_keys (id, name, sha256) VALUES (7, 'a', 'a'), (8, 'b', 'b')")
    wanted = [(7, 0, 0), (7, 1, 2), (7, 2, 1), (8, 1, 0)]
    uploads = []
    for owner, turn, place in wanted:
        upload = await add(database, owner=owner)
        await request(database, upload)
        await make_job(database, upload, turn=turn, place=place)
        uploads.append(upload)
    positions = []
    for upload in uploads:
        queue_positions = (await get(database, upload)).queue
        assert queue_positions is not None
        positions.append(queue_positions.position)
    # After the first submission, the third is the next of its key, because it has a lower place than the second.
    assert positions == [1, 4, 2, 3]


@pytest.mark.parametrize("owner", [7, 8, 9])
async def test_the_front_knows_the_next_places_of_each_key(database: Database, owner: int) -> None:
    """They are those that the submissions have once they are stored, also if the front is not read again."""
    await execute(database, "INSERT INTO api_keys (id, name, sha256) SELECT n, n, n FROM generate_series(7, 9) AS n")
    for key, turn in [(7, 3), (7, 4), (7, 5), (7, 6), (8, 5)]:
        upload = await add(database, owner=key)
        await request(database, upload)
        await make_job(database, upload, turn=turn, place=turn)
    front = await database.call(queue_positions.front)
    for turn in range({7: 7, 8: 6, 9: 3}[owner], 10):
        upload = await add(database, owner=owner)
        await request(database, upload)
        queue = (await get(database, upload)).queue
        assert queue is not None
        assert front.next_place(owner).position == queue.position
        await make_job(database, upload, turn=turn, place=turn)


@pytest.mark.parametrize(
    ("running", "seconds", "wait"),
    [(0, None, timedelta(0)), (0, 2.0, timedelta(seconds=4)), (3, 2.0, timedelta(seconds=2)), (3, None, None)],
)
def test_the_front_estimates_a_start(running: int, seconds: float | None, wait: timedelta | None) -> None:
    before = datetime.now(UTC)
    start = queue_positions.Front([1, 2], [7, 7], running, seconds).next_place(7).estimated_start_at
    after = datetime.now(UTC)
    assert start is None if wait is None else start is not None and before + wait <= start <= after + wait


async def test_the_estimate_is_made_of_the_latest_runs(database: Database) -> None:
    for _ in range(3):
        await add_finished(database)
    for status in ("executing", "executing", "none-executed", "none-executed"):
        last = await add(database)
        await request(database, last)
        await make_job(database, last, status)
    queue_positions = (await get(database, last)).queue
    [row] = await fetch(database, "SELECT now() AS now")
    assert queue_positions is not None
    assert queue_positions.estimated_start_at is not None
    ahead = queue_positions.estimated_start_at - row["now"]
    # Two places, two slots, two seconds a run.
    assert (queue_positions.position, timedelta(seconds=1.5) < ahead < timedelta(seconds=2.1)) == (2, True)


@pytest.mark.parametrize("before", [None, 1500])
async def test_a_page_of_many_runs_reads_no_others(database: Database, before: int | None) -> None:
    upload = await add(database)
    await execute(
        database,
        "INSERT INTO job (upload, status, request_id, number)"
        " SELECT :upload, 'executed', gen_random_uuid(), n FROM generate_series(1, 3000) AS n",
        upload=upload,
    )
    await execute(database, "ANALYZE job")
    values: dict[str, Any] = {"id": upload, "owner": None, "before": before, "limit": 10}
    plan = await plan_of(database, statements.FIND_RUNS, **values)
    assert 0 < rows_read(node for node in plan if node.get("Alias") == "job") <= 20


async def test_the_place_in_the_queue_is_planned_once(database: Database) -> None:
    rows = await fetch(database, f"EXPLAIN {queue_positions._PLACES}", uploads=[1])
    # Without the fences, each use of a part has a copy of it.
    assert sum("on results" in row["QUERY PLAN"] for row in rows) == 1
    assert sum("on uploads earlier" in row["QUERY PLAN"] for row in rows) == 1
