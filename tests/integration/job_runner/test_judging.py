"""Runs that programs judge, through the runner, on a real Postgres, with an engine that the test plays."""

import hashlib
from typing import Any

import pytest

from job_runner.runs.process import Processor
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.adapters.storage.sources import judge_key
from shared.common.files.archives import pack
from shared.engine_api.codex import Verdict
from shared.engine_api.job_program import ProgramRow
from shared.engine_api.run_call.events import JudgeFailed
from shared.records.accounts.cell_rate import run_seconds
from shared.records.resources import read
from shared.records.resources.links import Links
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.engines import COMPILED, STARTED, StreamingEngine, ended
from tests.integration.job_runner.program_rows import add, all_are, running
from tests.integration.rows import execute, fetch
from tests.waiting import eventually

FILES = {"judge.py": b"import b", "b.py": b"\xff"}
JUDGE: dict[str, Any] = {
    "protocol": "testlib",
    "language": "py",
    "entry": "judge.py",
    "files": [{"path": "judge.py", "size_bytes": 8}, {"path": "b.py", "size_bytes": 1}],
    "args": ["strict"],
    "compiler_args": [],
    "limits": {"cpu_s": 3.0},
    "sha256": hashlib.sha256(pack(FILES)).hexdigest(),
}
CHECKER = {"kind": "program", **JUDGE}
LINKS = Links(LinkSigner(b"k" * 32, "http://api"))


class Judged:
    """Adds submissions with judges, and runs them."""

    def __init__(self, database: Database, store: LocalStore, processor: Processor) -> None:
        self._database, self._store, self._processor = database, store, processor

    async def add(self, *, judges: tuple[str, ...] = ("checker",), **submission: Any) -> int:
        upload = await add(self._database, self._store, **submission)
        [row] = await fetch(self._database, "SELECT object_key FROM uploads WHERE id = :id", id=upload)
        for judge in judges:
            await self._store.put(judge_key(row["object_key"], judge), pack(FILES))
        return upload

    async def run(self, status: str = "executed") -> None:
        async with running(self._database, self._processor):
            await all_are(status, self._database)

    async def result(self, upload: int) -> dict[str, Any]:
        async with self._database.connection() as connection:
            found = await read.submission(connection, upload, links=LINKS)
        assert found is not None
        return found.model_dump(mode="json")


@pytest.fixture
def judged(database: Database, store: LocalStore, processor: Processor) -> Judged:
    return Judged(database, store, processor)


async def test_the_engine_gets_the_judges_with_their_files(engine: StreamingEngine, judged: Judged) -> None:
    engine.streams = [[STARTED, ended(1, Verdict.ACCEPTED, message="well done", judge_message="a = b\0")]]
    spec = {"checker": CHECKER, "interactor": {**JUDGE, "args": []}}
    upload = await judged.add(judges=("checker", "interactor"), spec=spec)
    await judged.run()
    [request] = engine.requests
    program = {
        "protocol": "testlib",
        "language": "py",
        "entry": "judge.py",
        "files": [
            {"path": "judge.py", "content": "import b"},
            {"path": "b.py", "content": "/w==", "encoding": "base64"},
        ],
        "args": ["strict"],
        "limits": {"cpu_s": 3.0},
    }
    sent = request.model_dump(mode="json", exclude_defaults=True)
    assert sent["checker"] == {"kind": "program", "program": program}
    assert sent["interactor"] == {name: value for name, value in program.items() if name != "args"}
    run = (await judged.result(upload))["run"]
    assert (run["verdict"], run["message"], run["judge_message"]) == (
        "accepted",
        "well done",
        "a = b\N{REPLACEMENT CHARACTER}",
    )
    # The output of a program that talks with an interactor is not shown.
    assert (run["stdout"], run["stderr"]) == (None, "")


async def test_judges_give_points_and_messages_to_tests(engine: StreamingEngine, judged: Judged) -> None:
    engine.streams = [
        [
            STARTED,
            ended(1, Verdict.ACCEPTED, points_awarded=1 / 3, message="partly"),
            ended(2, Verdict.WRONG_ANSWER, points_awarded=0.0, judge_message="x" * (70 << 10)),
            ended(3, Verdict.ACCEPTED),
        ]
    ]
    upload = await judged.add(
        spec={"checker": CHECKER}, tests=[{"points": 1}, {"points": 2, "hidden": True}, {"points": 0.5}]
    )
    await judged.run()
    assert [(test.points, test.hidden) for test in engine.requests[0].tests] == [(1, False), (2, True), (0.5, False)]
    run = (await judged.result(upload))["run"]
    assert [test["points_awarded"] for test in run["tests"]] == [0.333333, 0, 0.5]
    assert [test["message"] for test in run["tests"]] == ["partly", None, None]
    assert len(run["tests"][1]["judge_message"]) == 64 << 10
    assert (run["points_awarded"], run["points"], run["message"]) == (0.833333, 3.5, None)
    assert [test["group"] for test in run["tests"]] == [None] * 3


async def test_after_a_judge_error_nobody_knows_the_points(
    database: Database, engine: StreamingEngine, judged: Judged
) -> None:
    engine.streams = [
        [STARTED, ended(1, Verdict.WRONG_ANSWER), ended(2, Verdict.JUDGE_ERROR, judge_message="It ended with code 7.")]
    ]
    upload = await judged.add(spec={"checker": CHECKER}, tests=[{}] * 3)
    await judged.run()
    submission = await judged.result(upload)
    run = submission["run"]
    assert (submission["state"], submission["verdict"], run["verdict"]) == ("finished", "judge_error", "judge_error")
    assert [test["verdict"] for test in run["tests"]] == ["wrong_answer", "judge_error", None]
    assert [test["points_awarded"] for test in run["tests"]] == [0, None, 0]
    assert (run["points"], run["points_awarded"], run["judge_message"]) == (3, None, None)
    assert run["tests"][1]["judge_message"] == "It ended with code 7."
    assert await fetch(database, "SELECT enable FROM uploads") == [{"enable": 0}]


@pytest.mark.parametrize("has_tests", [True, False])
async def test_a_judge_that_does_not_compile_judges_no_test(
    database: Database, engine: StreamingEngine, judged: Judged, has_tests: bool
) -> None:
    failed = JudgeFailed(judge="checker", judge_message="judge.py: error: ;\0")
    engine.streams = [[STARTED, COMPILED, failed]]
    upload = await judged.add(spec={"checker": CHECKER}, tests=[{}] * 2 if has_tests else None)
    await judged.run()
    submission = await judged.result(upload)
    run = submission["run"]
    assert (submission["state"], submission["verdict"]) == ("finished", "judge_error")
    assert run["judge_message"] == "judge.py: error: ;\N{REPLACEMENT CHARACTER}"
    assert (run["message"], run["points_awarded"]) == (None, None)
    assert [test["verdict"] for test in run["tests"] or ()] == [None] * (2 if has_tests else 0)
    [mail] = await fetch(database, "SELECT text, html FROM emails")
    assert "judge.py" not in mail["text"] + mail["html"]


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({}, 20),
        ({"limits": {"wall_s": 50}}, 50),
        ({"checker": CHECKER}, 20 + 2 * 3.0),
        ({"interactor": {**JUDGE, "limits": {"wall_s": 7.0}}}, 2 * 20 + 7.0),
    ],
)
def test_the_engine_may_be_silent_for_as_long_as_a_test(spec: dict[str, Any], seconds: float) -> None:
    limits = {
        "cpu_s": (10, 60),
        "wall_s": (20, 120),
        "memory_bytes": (1, 2),
        "output_bytes": (1, 2),
        "processes": (1, 2),
    }
    bounds = {name: {"default": default, "max": most} for name, (default, most) in limits.items()}
    row = ProgramRow.model_validate({"id": 1, "spec": spec, "bounds": bounds})
    assert row.program("py", "").silence_s == seconds
    assert row.model_copy(update={"bounds": None}).program("py", "").silence_s < 20


async def test_files_of_a_judge_that_have_changed_are_our_failure(engine: StreamingEngine, judged: Judged) -> None:
    upload = await judged.add(spec={"checker": {**CHECKER, "sha256": "0" * 64}})
    await judged.run("failed")
    submission = await judged.result(upload)
    assert (submission["state"], submission["verdict"]) == ("failed", None)
    assert engine.requests == []


async def test_the_time_of_judges_is_charged(database: Database, engine: StreamingEngine, judged: Judged) -> None:
    owner = owner_of(database)
    await execute(owner, "INSERT INTO api_keys (id, name, sha256) VALUES (7, 'k', 'x')")
    engine.streams = [[STARTED, ended(1, judge_cpu_s=3000.0)]]
    await judged.add(spec={"checker": CHECKER}, owner=7)
    await judged.run()
    sql = "SELECT extract(epoch FROM used_until - now()) AS seconds FROM budgets WHERE subject = :subject"
    # The charge follows the result.
    [used] = await eventually(lambda: fetch(database, sql, subject=run_seconds(7)))
    assert 299 < used["seconds"] < 301
