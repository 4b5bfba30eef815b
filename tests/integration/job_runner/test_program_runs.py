"""Runs of API v1 through the runner, on a real Postgres, with an engine that the test plays."""

import asyncio
import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from api_service.submissions.cancel import cancel
from api_service.v1.reads.stored_bytes import output_of_run
from job_runner.leases import claim
from job_runner.leases.claim import ClaimedJob
from job_runner.leases.test_results import TestResults
from job_runner.runs.process import Processor
from job_runner.runs.runner import Runner
from queue_consumer.jobs import JobMaker
from shared.adapters.database import channels
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.common.files.archives import pack
from shared.common.service.errors import DatabaseUnavailable, EngineAway, EngineCrashed, EngineUnavailable
from shared.common.service.retry import RetryPolicy
from shared.engine_api.codex import Verdict
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Compiled, Stop
from shared.records.accounts.cell_rate import run_seconds
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.engines import COMPILED, STARTED, StreamingEngine, ended
from tests.integration.job_runner.program_rows import Run, add, all_are, running
from tests.integration.rows import execute, fetch, notified
from tests.waiting import eventually


@pytest.fixture
def heeded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the payloads of the notifications that the runner has heeded. The first one says that it listens."""
    heed = Runner._cancel
    payloads: list[str] = []

    def heed_and_tell(runner: Runner, payload: str) -> None:
        heed(runner, payload)
        payloads.append(payload)

    monkeypatch.setattr(Runner, "_cancel", heed_and_tell)
    return payloads


async def one(database: Database, sql: str, **values: Any) -> dict[str, Any]:
    [row] = await fetch(database, sql, **values)
    return row


@pytest.mark.parametrize(
    ("stdout", "is_mailed", "is_stored"),
    [
        ("é\n", False, False),
        ("é\n", True, False),
        ("é\n" * 51, True, True),
        ("a\0b", False, True),
        ("é" + "x" * (64 << 10), False, True),
    ],
    ids=["short", "mailed", "cut in its mail", "not text", "long"],
)
async def test_an_output_that_needs_no_link_is_in_its_row(
    database: Database,
    store: LocalStore,
    processor: Processor,
    engine: StreamingEngine,
    stdout: str,
    is_mailed: bool,
    is_stored: bool,
) -> None:
    engine.streams = [[STARTED, ended(1, stdout=stdout)]]
    upload = await add(database, store)
    if not is_mailed:
        await execute(database, "UPDATE uploads SET email = NULL")
    async with running(database, processor):
        await all_are("executed", database)
    row = await one(database, "SELECT output_key, filelink FROM results")
    assert [name is not None for name in row.values()] == [is_stored, is_stored]
    output = await output_of_run(database, store, upload, None, "stdout")
    assert output is not None
    assert await output.read(0, output.size) == stdout.encode()


async def test_a_run_has_its_streams_apart_and_the_classic_error(
    database: Database, store: LocalStore, engine: StreamingEngine, run: Run
) -> None:
    compiled = Compiled(
        verdict=None, error="", output="warning: x", truncated=True, cpu_s=1, wall_s=1, memory_bytes=1 << 20
    )
    engine.streams = [
        [
            STARTED,
            compiled,
            ended(1, Verdict.RUNTIME_ERROR, stdout="a\0b", stderr="trace", error="Exited with code 3.", exit_code=3,
                  truncated=["stdout"]),
        ]
    ]  # fmt: skip
    spec = {
        "args": ["-v"],
        "compiler_args": ["-O2"],
        "limits": {"cpu_s": 2.5},
        "checker": {"kind": "float", "tolerance": 0.5},
    }
    upload = await run(spec=spec, expected_output="1", owner=None)
    [request] = engine.requests
    assert request.model_dump(mode="json", exclude_defaults=True) == {
        "language": "py",
        "files": [{"path": "main.py", "content": "print(1)"}],
        "entry": "main.py",
        "compiler_args": ["-O2"],
        "limits": {"cpu_s": 2.5},
        "checker": {"kind": "float", "tolerance": 0.5},
        "tests": [{"stdin": "in", "args": ["-v"], "expected_output": "1"}],
    }
    row = await one(database, "SELECT * FROM results")
    assert row["output"] == "a\N{REPLACEMENT CHARACTER}b"
    assert await store.get(row["output_key"]) == b"a\0b"
    # The program's own message says more than its exit code.
    assert (row["stderr"], row["compile_output"], row["error"]) == ("trace", "warning: x", "trace")
    assert (row["cut"], row["truncated"], row["exit_code"]) == (["stdout", "compile_output"], True, 3)
    assert (row["time_s"], row["wall_s"], row["memory_bytes"]) == (0.25, 0.5, 1000)
    assert (row["points"], row["points_awarded"]) == (None, None)
    assert json.loads(row["engine"])["info"] == "Python 3.13"
    state = await one(database, "SELECT outcome, verdict, enable, request_id FROM uploads WHERE id = :id", id=upload)
    assert state == {"outcome": "finished", "verdict": "runtime_error", "enable": 1, "request_id": None}
    mail = await one(database, "SELECT * FROM emails")
    assert (mail["upload"], mail["kind"]) == (upload, "result")
    assert "trace" in mail["text"]


@pytest.mark.parametrize("written", [b"caf\xe9\n", b"a\0b"])
async def test_standard_error_is_kept_byte_for_byte(
    database: Database, engine: StreamingEngine, run: Run, written: bytes
) -> None:
    text = written.decode("utf-8", "replace")
    stderr_bytes = None if text.encode() == written else written
    engine.streams = [[STARTED, ended(1, stderr=text).model_copy(update={"stderr_bytes": stderr_bytes})]]
    await run()
    row = await one(database, "SELECT stderr, stderr_bytes FROM results")
    assert row == {"stderr": text.replace("\0", "\N{REPLACEMENT CHARACTER}"), "stderr_bytes": written}


async def test_the_results_of_tests_come_as_they_end(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    engine.allowed = asyncio.Semaphore(2)
    bad = ended(2, Verdict.WRONG_ANSWER, stdout="b\0", stderr="\x07", diff="- 1\n+ 2", truncated=["stdout", "stderr"])
    engine.streams = [[STARTED, ended(1, Verdict.ACCEPTED), bad, ended(3, Verdict.TIME_LIMIT, signal=9)]]
    tests = [
        {"name": "first", "stdin": "1", "expected_output": "1", "points": 2.5},
        {"name": "second", "args": ["x"], "limits": {"cpu_s": 1}, "hidden": True, "points": 3},
        {"name": "third", "points": 4},
    ]
    async with notified(database, channels.SUBMISSIONS) as payloads, running(database, processor):
        upload = await add(database, store, tests=tests)

        async def results() -> list[dict[str, Any]]:
            return await fetch(database, "SELECT * FROM test_results ORDER BY number")

        async def first_is_there() -> bool:
            return len(await results()) == 1

        await eventually(first_is_there)
        before = len(payloads)
        engine.allowed.release()
        await eventually(lambda: len(payloads) > before, what="the end of a test is notified")
        assert await fetch(database, "SELECT outcome FROM uploads") == [{"outcome": None}]
        engine.allowed.release()
        await all_are("executed", database)
    assert set(payloads) == {str(upload)}
    assert [one.stdin for one in engine.requests[0].tests] == ["1", "", ""]
    assert engine.requests[0].tests[1].limits.cpu_s == 1
    first, second, third = await results()
    assert (first["verdict"], first["points_awarded"], first["stdout"]) == ("accepted", 2.5, b"out 1")
    assert (second["verdict"], second["points_awarded"], second["diff"]) == ("wrong_answer", 0, "- 1\n+ 2")
    assert (second["stdout"], second["stderr"], second["cut"]) == (b"b\0", b"\x07", ["stdout", "stderr"])
    assert (third["signal"], third["cpu_s"], third["cut"], third["attempt"]) == (9, 0.25, [], 1)
    row = await one(database, "SELECT * FROM results")
    assert (row["verdict"], row["points"], row["points_awarded"]) == ("wrong_answer", 9.5, 2.5)
    assert (row["output"], row["stderr"], row["exit_code"], row["signal"]) == (None, None, None, None)
    assert (row["time_s"], row["wall_s"], row["memory_bytes"], row["output_key"]) == (0.75, 1.5, 3000, None)
    assert row["error"] == "1 of 3 tests passed."


@pytest.mark.parametrize(
    "files",
    [
        {"main.py": b"\xef\xbb\xbfprint(1)"},
        {"main.py": b"\xffprint(1)"},
        {"main.py": b"x\0y"},
        {"main.py": b"import lib", "lib/data.bin": b"\xff\x00", "lib/__init__.py": b""},
    ],
)
@pytest.mark.parametrize("in_row", [True, False])
async def test_files_reach_the_engine_byte_for_byte(
    engine: StreamingEngine, run: Run, files: dict[str, bytes], in_row: bool
) -> None:
    engine.streams = [[STARTED, ended(1)]]
    await run(files=files, in_row=in_row)
    [request] = engine.requests
    assert {file.path: file.data() for file in request.files} == files
    assert request.entry == "main.py"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "its file is missing"),
        (b"other", "its file has changed since it was accepted"),
        (pack({"main.py": b"x", "b.py": b"z"}), "its file has changed since it was accepted"),
    ],
)
async def test_files_are_those_that_were_accepted(
    database: Database, store: LocalStore, processor: Processor, data: bytes | None, reason: str
) -> None:
    await add(database, store, files={"main.py": b"x", "b.py": b"y"}, webhook_url="https://example.com/")
    key = str((await one(database, "SELECT object_key FROM uploads"))["object_key"])
    await (store.delete(key) if data is None else store.put(key, data))
    async with running(database, processor):
        await all_are("failed", database)
    assert await fetch(database, "SELECT failure FROM job") == [{"failure": reason}]
    assert await fetch(database, "SELECT outcome, verdict FROM uploads") == [{"outcome": "failed", "verdict": None}]
    assert await fetch(database, "SELECT type FROM webhooks") == [{"type": "submission.failed"}]


async def test_long_tests_are_read_before_the_run(engine: StreamingEngine, run: Run) -> None:
    engine.streams = [[STARTED, ended(1, Verdict.ACCEPTED)]]
    # Hexadecimal digits of hashes do not compress below half.
    expected = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000))
    await run(tests=[{"expected_output": expected}])
    assert engine.requests[0].tests[0].expected_output == expected


async def test_classic_submissions_run_by_our_engines_own_call(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    """It says when a run has begun. Their results are those of the CodeX call."""
    engine.streams = [[STARTED, ended(1)], [STARTED, ended(1)]]
    await add(database, store, is_classic=True, files={"a b.py": b"print(1)"})

    async with running(database, processor):
        await all_are("executed", database)
        assert engine.codex == []
        assert await fetch(database, "SELECT stderr, cut FROM results") == [{"stderr": None, "cut": None}]
        await execute(
            database,
            "UPDATE uploads SET request_id = gen_random_uuid(), runs = 2, override = CAST(:override AS jsonb)",
            override='{"stdin": "other"}',
        )
        upload = await one(database, "SELECT id, request_id FROM uploads")
        await JobMaker(owner_of(database), store).make(str(upload["id"]).encode(), str(upload["request_id"]))
        await all_are("executed", database)
    first, second = engine.requests
    assert (first.tests[0].stdin, first.entry) == ("in", "a b.py")
    assert (second.tests[0].stdin, second.entry) == ("other", "a b.py")


@pytest.mark.parametrize(("end", "crashes"), [(EngineCrashed("gone"), 1), (EngineAway("it stops for a deploy"), 0)])
async def test_the_tests_of_an_engine_that_ends_run_again(
    database: Database, engine: StreamingEngine, run: Run, monkeypatch: pytest.MonkeyPatch, end: Exception, crashes: int
) -> None:
    monkeypatch.setattr(claim, "PAUSE_SECONDS", 0.0)
    engine.streams = [
        [STARTED, ended(1, stdout="old"), ended(2), end],
        [STARTED, ended(1, stdout="new"), ended(2), ended(3)],
    ]
    await run(tests=[{}] * 3)
    assert await fetch(database, "SELECT attempt, crashes FROM job") == [{"attempt": 1, "crashes": crashes}]
    rows = await fetch(database, "SELECT number, stdout FROM test_results ORDER BY number")
    assert [row["stdout"] for row in rows] == [b"new", b"out 2", b"out 3"]


async def test_results_of_tests_outlive_an_outage_of_the_database(
    database: Database, store: LocalStore, engine: StreamingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program does not run again because its results could not be written at once."""
    write, left = TestResults._write, 5

    async def away(results: TestResults, rows: Any) -> list[bool]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DatabaseUnavailable("it is away")
        return await write(results, rows)

    monkeypatch.setattr(TestResults, "_write", away)
    monkeypatch.setattr("job_runner.leases.test_results._WRITING", RetryPolicy(base=0.01, cap=0.02))
    engine.streams = [[STARTED, ended(1), ended(2), ended(3)]]
    await add(database, store, tests=[{}] * 3)
    async with running(database, Processor(database, store, engine, BRANDING, 3)):
        await all_are("executed", database)
    assert (len(engine.requests), left < 0) == (1, True)
    rows = await fetch(database, "SELECT number, stdout FROM test_results ORDER BY number")
    assert [row["stdout"] for row in rows] == [b"out 1", b"out 2", b"out 3"]
    assert await fetch(database, "SELECT attempt FROM job") == [{"attempt": 1}]


async def test_a_new_attempt_begins_without_results(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    engine.streams = [[STARTED, ended(1), EngineUnavailable("full")], [STARTED, ended(1)]]
    engine.allowed = asyncio.Semaphore(2)
    await add(database, store, tests=[{}])

    async def is_written() -> bool:
        return bool(await fetch(database, "SELECT FROM test_results"))

    async with running(database, processor):
        await eventually(is_written)
        engine.allowed.release()
        await eventually(lambda: len(engine.requests) == 2)
        assert await fetch(database, "SELECT FROM test_results") == []


async def test_a_test_that_load_slowed_down_runs_again(database: Database, engine: StreamingEngine, run: Run) -> None:
    slow = ended(2, Verdict.TIME_LIMIT, cpu_s=0.1, wall_s=20, cpu_pressure=0.9)
    engine.streams = [[STARTED, ended(1), slow]] * 3
    await run(tests=[{}, {}])
    assert len(engine.requests) == 3
    assert await fetch(database, "SELECT verdict FROM uploads") == [{"verdict": "time_limit"}]


async def test_a_test_may_be_the_only_one_that_does_not_compile(
    database: Database, engine: StreamingEngine, run: Run
) -> None:
    late = ended(2, Verdict.COMPILE_ERROR, stdout="", stderr="too late", exit_code=1)
    engine.streams = [[STARTED, COMPILED, ended(1), late, ended(3)]]
    await run(tests=[{}] * 3)
    assert len(engine.requests) == 1
    assert await fetch(database, "SELECT verdict FROM uploads") == [{"verdict": "compile_error"}]
    assert await fetch(database, "SELECT verdict, stderr FROM test_results ORDER BY number") == [
        {"verdict": "ok", "stderr": b""},
        {"verdict": "compile_error", "stderr": b"too late"},
        {"verdict": "ok", "stderr": b""},
    ]


async def test_a_compiler_stopped_by_load_is_a_failure_of_ours(
    database: Database, engine: StreamingEngine, run: Run
) -> None:
    stopped = COMPILED.model_copy(
        update={"verdict": Verdict.COMPILE_ERROR, "wall_s": 70, "cpu_pressure": 0.9, "stopped": Stop.WALL}
    )
    engine.streams = [[STARTED, stopped], [STARTED, stopped], [STARTED, stopped]]
    await run("failed")
    assert await fetch(database, "SELECT verdict, outcome FROM uploads") == [{"verdict": None, "outcome": "failed"}]
    [job] = await fetch(database, "SELECT failure FROM job")
    assert job["failure"] == "the machine was too busy to compile it (tried 3 times)"


@pytest.mark.parametrize(
    ("submission", "runs"),
    [
        ({"spec": {}}, 1),
        ({"spec": {"artifacts": True, "live_output": True}, "tests": [{}]}, 1),
        ({"spec": {"artifacts": True, "live_output": True, "repeat": 2}}, 2),
    ],
    ids=["unasked", "tests", "repeated"],
)
async def test_only_a_single_run_has_artifacts_and_live_output(
    database: Database, engine: StreamingEngine, run: Run, submission: dict[str, Any], runs: int
) -> None:
    engine.streams = [[STARTED, *(ended(number) for number in range(1, runs + 1))]]
    await run(**submission)
    [request] = engine.requests
    assert not request.artifacts
    assert not request.live_output
    assert await fetch(database, "SELECT artifacts FROM results") == [{"artifacts": None}]


async def test_options_of_front_doors_reach_the_engine_and_unknown_keys_do_not(
    engine: StreamingEngine, run: Run
) -> None:
    fields = {"merge_output": True, "data_files": ["main.py"], "stack_bytes": 8192, "file_bytes": 4096}
    engine.streams = [[STARTED, ended(1)]]
    # The rows of a newer release may have more keys.
    await run(spec={**fields, "new": 1, "limits": {"new": 1}, "checker": {"kind": "lines", "new": 1}})
    asked = engine.requests[0].model_dump(exclude_unset=True)
    assert {name: asked[name] for name in fields} == {**fields, "data_files": ("main.py",)}


@pytest.mark.parametrize(
    "stream",
    [
        [STARTED, ended(2)],
        [STARTED, ended(1), ended(1)],
        [STARTED, ended(1)],
        [ended(1), ended(2)],
        [STARTED, ended(1), ended(2), ended(3)],
        [STARTED, STARTED, ended(1), ended(2)],
        [STARTED, COMPILED, COMPILED, ended(1), ended(2)],
        [],
    ],
)
async def test_an_engine_that_mixes_its_events_up_is_tried_again(
    engine: StreamingEngine, run: Run, stream: list[RunEvent]
) -> None:
    engine.streams = [[*stream], [STARTED, ended(1), ended(2)]]
    await run(tests=[{}, {}])
    assert len(engine.requests) == 2


async def test_a_run_whose_lease_is_lost_writes_nothing_more(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    engine.allowed = asyncio.Semaphore(2)
    engine.streams = [[STARTED, *(ended(number) for number in range(1, 5))]]
    await add(database, store, tests=[{}] * 4)
    async with running(database, processor, lease_seconds=600):
        await eventually(lambda: engine.sent == 2)
        await execute(database, "UPDATE job SET lease_id = :other", other=UUID(int=7))
        for _ in range(3):
            engine.allowed.release()
        await eventually(lambda: engine.closed == 1)
    assert len(await fetch(database, "SELECT FROM test_results")) <= 1
    assert await fetch(database, "SELECT FROM results") == []


async def test_a_cancelled_run_is_stopped_and_charged(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine, heeded: list[str]
) -> None:
    engine.allowed = asyncio.Semaphore(2)
    engine.streams = [[STARTED, ended(1), ended(2)]]
    await execute(database, "INSERT INTO api_keys (id, name, sha256) VALUES (5, 'a', 'a')")
    # The heartbeat is an hour away: only the notification can stop the run.
    async with running(database, processor, lease_seconds=3600):
        # A runner that begins to listen checks its leases. It has none yet, so the check cannot stop the run either.
        await eventually(lambda: "" in heeded, what="the runner listens")
        upload = await add(database, store, tests=[{}] * 2, owner=5)
        await eventually(lambda: engine.sent == 2)
        assert await cancel(owner_of(database), [upload]) == [upload]
        await eventually(lambda: engine.closed == 1)
        await eventually(lambda: _is_charged(database), what="the key is charged")
    assert await fetch(database, "SELECT status, lease_id FROM job") == [{"status": "cancelled", "lease_id": None}]
    for table in ("results", "emails"):
        assert await fetch(database, f"SELECT FROM {table}") == []


async def _is_charged(database: Database) -> bool:
    return bool(await fetch(database, "SELECT FROM budgets WHERE subject = :subject", subject=run_seconds(5)))


async def test_a_lost_cancellation_is_found_by_the_heartbeat(
    database: Database, store: LocalStore, processor: Processor, engine: StreamingEngine
) -> None:
    engine.allowed = asyncio.Semaphore(1)
    engine.streams = [[STARTED, ended(1)]]
    await add(database, store)
    async with running(database, processor, lease_seconds=1):
        await eventually(lambda: engine.sent == 1)
        await execute(database, "UPDATE job SET status = 'cancelled', lease_id = NULL")
        await eventually(lambda: engine.closed == 1)


async def test_a_job_cancelled_right_after_its_claim_never_starts(
    database: Database,
    store: LocalStore,
    processor: Processor,
    engine: StreamingEngine,
    heeded: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = await add(database, store)
    claimed = claim.claim

    async def claim_and_cancel(*args: Any, **options: Any) -> list[ClaimedJob]:
        jobs = await claimed(*args, **options)
        if [job.upload for job in jobs] == [upload]:
            await eventually(lambda: "" in heeded, what="the runner listens")
            await cancel(owner_of(database), [upload])
            await eventually(lambda: str(jobs[0].lease_id) in heeded, what="the runner hears of it")
        return jobs

    monkeypatch.setattr(claim, "claim", claim_and_cancel)
    async with running(database, processor, lease_seconds=3600):
        await all_are("cancelled", database)
        engine.streams = [[STARTED, ended(1)]]
        await add(database, store)
        await eventually(lambda: len(engine.requests) == 1, what="the slot is free")
    assert engine.requests[0].files[0].content == "print(1)"


@pytest.mark.parametrize(
    ("fields", "stdin"),
    [({"override": {"stdin": "other"}}, "other"), ({"is_classic": True, "files": {"a b.py": b"print(1)"}}, "in")],
)
async def test_a_foreign_engine_runs_simple_programs(
    database: Database, engine: StreamingEngine, run: Run, fields: dict[str, Any], stdin: str
) -> None:
    engine.has_run = False
    await run(**fields)
    assert (engine.codex, engine.requests) == ([("print(1)", stdin)], [])
    assert await fetch(database, "SELECT outcome, verdict FROM uploads") == [{"outcome": "finished", "verdict": "ok"}]


@pytest.mark.parametrize(
    ("answer", "verdict", "error"),
    [
        ({"output": "7 \n"}, "accepted", ""),
        ({"output": "7\n", "verdict": None}, "accepted", ""),
        ({"output": "8\n"}, "wrong_answer", "The output is not the expected one."),
        ({"output": "7\n", "verdict": None, "status": 400, "error": "x"}, "runtime_error", "x"),
        ({"output": "7\n", "verdict": Verdict.TIME_LIMIT, "error": "y"}, "time_limit", "y"),
    ],
)
async def test_the_output_of_a_foreign_engine_is_compared_here(
    database: Database, engine: StreamingEngine, run: Run, answer: dict[str, Any], verdict: str, error: str
) -> None:
    engine.has_run = False
    engine.answer = engine.answer.model_copy(update=answer)
    await run(expected_output="7")
    assert await fetch(database, "SELECT verdict, error FROM results") == [{"verdict": verdict, "error": error}]


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"spec": {"args": ["a"]}}, "arguments"),
        ({"spec": {"compiler_args": ["-O2"]}}, "options of the compiler"),
        ({"spec": {"limits": {"cpu_s": 1}}}, "limits"),
        ({"override": {"limits": {"cpu_s": 1}}}, "limits"),
        ({"tests": [{}]}, "tests"),
        ({"files": {"a.py": b"a", "b.py": b"b"}}, "several files"),
    ],
)
async def test_a_program_that_needs_our_engine_fails_with_a_reason(
    database: Database, engine: StreamingEngine, run: Run, fields: dict[str, Any], what: str
) -> None:
    engine.has_run = False
    await run("failed", **fields)
    reason = str((await one(database, "SELECT failure FROM job"))["failure"])
    assert reason.startswith(f"the engine of this service cannot run programs with {what}: ")
    assert "POST /run" in reason
    assert engine.codex == []
