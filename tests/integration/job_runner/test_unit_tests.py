"""Runs of unit tests, through the runner, on a real Postgres, with an engine that the test plays."""

import hashlib
import json
from typing import Any, Final

import pytest

from job_runner.emails.sending.pending_mails import PendingMails
from job_runner.runs.process import Processor
from shared.adapters.database.connection import Database
from shared.adapters.storage.local import LocalStore
from shared.adapters.storage.signing import LinkSigner
from shared.adapters.storage.sources import judge_key
from shared.common.files.archives import pack
from shared.engine_api.codex import Verdict
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import (
    CollectedTest,
    Collection,
    Compiled,
    JudgeFailed,
    UnitTestEnded,
    UnitTestsEnded,
)
from shared.records.problems.files import key_of
from shared.records.problems.submitting import summary_of, unit_tests_for
from shared.records.problems.versions import as_manifest, of_id
from shared.records.resources import read
from shared.records.resources.links import Links
from shared.records.resources.mapping import for_recipient
from tests.factories import BRANDING
from tests.fixtures.postgres import owner_of
from tests.integration.job_runner.engines import STARTED, StreamingEngine
from tests.integration.job_runner.program_rows import add, all_are, running
from tests.integration.rows import execute, fetch
from tests.problem_packages import read as read_package

FILES: Final = {"files/test_a.py": b"assert", "shared_files/data.bin": b"\xff"}
SPEC: Final[dict[str, Any]] = {
    "limits": {"cpu_s": 2.0},
    "unit_tests": {
        "language": "py", "entry": "test_a.py", "framework": "pytest", "module": "student", "limits": {"cpu_s": 10.0},
        "files": [{"path": "test_a.py", "size_bytes": 6}], "shared_files": [{"path": "data.bin", "size_bytes": 1}],
        "sha256": hashlib.sha256(pack(FILES)).hexdigest(),
    },
}  # fmt: skip
LINKS: Final = Links(LinkSigner(b"k" * 32, "http://api"))
NAMES: Final = ("test_add", "test_secret", "test_later", "test_odd")
COLLECTION: Final = Collection(
    tests=[CollectedTest(name=name, group="test_a", points=2, hidden=name == "test_secret") for name in NAMES]
)


def ended(number: int, outcome: str, verdict: str | None = None, **keys: Any) -> UnitTestEnded:
    points = 2 if outcome == "passed" else 0
    return UnitTestEnded(**{"number": number, "outcome": outcome, "verdict": verdict, "points_awarded": points, **keys})


def end(verdict: Verdict, points: float) -> UnitTestsEnded:
    return UnitTestsEnded(
        verdict=verdict,
        points_awarded=points,
        stdout="at its start",
        cpu_s=1,
        wall_s=2,
        memory_bytes=3,
        judge_cpu_s=4,
        starts=1,
    )


PASSED: Final = [ended(number, "passed", "accepted") for number in (1, 2, 3, 4)]
MIXED: Final[list[RunEvent | Exception]] = [
    STARTED,
    COLLECTION,
    ended(1, "failed", "wrong_answer", message="SAID 3\0", judge_message="line 4", stdout="WROTE", memory_bytes=9),
    ended(2, "error", "time_limit", message="SECRET", stdout="SECRET"),
    ended(3, "skipped", message="not now"),
    ended(4, "passed", "accepted", stderr="fine"),
    end(Verdict.WRONG_ANSWER, 2),
]


class Suite:
    """Adds a submission with unit tests, and runs it."""

    def __init__(self, database: Database, store: LocalStore, processor: Processor) -> None:
        self.database, self.store, self.processor = database, store, processor

    async def run(self, status: str = "executed") -> dict[str, Any]:
        upload = await add(self.database, self.store, spec=SPEC, files={"student.py": b"x = 1"})
        [row] = await fetch(self.database, "SELECT object_key FROM uploads WHERE id = :id", id=upload)
        await self.store.put(judge_key(row["object_key"], "unit_tests"), pack(FILES))
        async with running(self.database, self.processor):
            await all_are(status, self.database)
        return await self.result(upload)

    async def result(self, upload: int) -> dict[str, Any]:
        async with self.database.connection() as connection:
            found = await read.submission(connection, upload, links=LINKS)
        assert found is not None
        self.page = for_recipient(found)
        return found.model_dump(mode="json")


@pytest.fixture
def suite(database: Database, store: LocalStore, processor: Processor) -> Suite:
    return Suite(database, store, processor)


async def test_the_collection_becomes_the_tests_of_the_run(engine: StreamingEngine, suite: Suite) -> None:
    engine.streams = [[*MIXED]]
    submission = await suite.run()
    [request] = engine.requests
    assert request.unit_tests
    assert [file.data() for file in (*request.unit_tests.files, *request.unit_tests.shared_files)] == [*FILES.values()]
    run, tests = submission["run"], submission["run"]["tests"]
    assert [(test["name"], test["group"], test["hidden"], test["points"]) for test in tests] == [
        (name, "test_a", name == "test_secret", 2) for name in NAMES
    ]
    ends = [("failed", "wrong_answer"), ("error", "time_limit"), ("skipped", None), ("passed", "accepted")]
    assert [(test["outcome"], test["verdict"]) for test in tests] == ends
    assert [test["points_awarded"] for test in tests] == [0, 0, 0, 2]
    texts = [tests[0][name] for name in ("message", "judge_message", "stdout", "memory_bytes", "diff")]
    assert texts == ["SAID 3\N{REPLACEMENT CHARACTER}", "line 4", "WROTE", 9, None]
    assert (run["verdict"], run["points"], run["points_awarded"]) == ("wrong_answer", 8, 2)
    assert (run["stdout"], run["stderr"], run["cpu_s"], run["memory_bytes"]) == ("at its start", "", 1, 3)
    shown = submission["unit_tests"]
    assert (shown["tests"], shown["points"], shown["module"], shown["visibility"]) == (4, 8, "student", "visible")
    assert (shown["files"], submission["checker"]) == ([{"path": "test_a.py", "size_bytes": 6}], None)


async def test_the_recipient_learns_no_name_of_a_hidden_test(engine: StreamingEngine, suite: Suite) -> None:
    engine.streams = [[*MIXED]]
    submission = await suite.run()
    assert suite.page.run
    assert suite.page.run.tests
    hidden = suite.page.run.tests[1]
    assert (hidden.name, hidden.group, hidden.outcome, hidden.points) == ("hidden 2", None, "error", 2)
    assert (hidden.verdict, hidden.message, hidden.stdout) == (None, None, None)
    again = "INSERT INTO emails (job, kind, upload) SELECT job, 'result', upload FROM emails"
    await execute(suite.database, again)
    assert await PendingMails(suite.database, suite.store, BRANDING).render() == 1
    mails = await fetch(suite.database, "SELECT subject, text, html FROM emails")
    assert {mail["subject"] for mail in mails} == {f"student.py: 1 of 4 tests passed (#{submission['id']})"}
    shown = {"test_add", "Failed", "Skipped", "SAID 3", "WROTE", "hidden 2", "Error"}
    for text in [mail[part] for mail in mails for part in ("text", "html")]:
        assert {*filter(text.__contains__, shown)} == shown
        assert not {*filter(text.__contains__, ("test_secret", "SECRET", "Time limit"))}


class Problem:
    """Adds a problem of key 1 with unit tests, and submissions of key 2 to it."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite

    async def store(self) -> int:
        """Store the problem, and return the id of its version."""
        files = {"problem.yaml": "name: S", "unit_tests/py/test_a.py": "assert", "include/py/data.bin": "1"}
        package = read_package(files)
        for path, file in package.files.items():
            await self._suite.store.put(key_of(file.digest), files[path].encode())
        await execute(self._suite.database, "INSERT INTO problems (name, owner) VALUES ('s', 1)")
        [row] = await fetch(
            self._suite.database,
            "INSERT INTO problem_versions (problem, owner, version, digest, package_bytes, size_bytes, manifest,"
            " summary, tests) VALUES ('s', 1, 1, '', 0, 0, CAST(:manifest AS jsonb), CAST(:summary AS jsonb), '[]')"
            " RETURNING id",
            manifest=as_manifest(package),
            summary=json.dumps(summary_of(package)),
        )
        return int(row["id"])

    async def found(self, upload: int, *, sees_all: bool = False) -> dict[str, Any]:
        async with self._suite.database.connection() as connection:
            found = await read.submission(connection, upload, links=LINKS, sees_all=sees_all)
        assert found is not None
        return found.model_dump(mode="json")


async def test_another_key_learns_nothing_of_the_hidden_tests_of_a_problem(
    engine: StreamingEngine, suite: Suite
) -> None:
    problem = Problem(suite)
    version = await problem.store()
    async with suite.database.connection() as connection:
        found = await of_id(connection, version)
    assert found
    tests = unit_tests_for(found.unit_tests, ("py",))
    assert tests
    spec = {"unit_tests": tests.model_dump(mode="json"), "problem": "s@1", "points": None, "limits": {"cpu_s": 2.0}}
    engine.streams = [[*MIXED]]
    key = "INSERT INTO api_keys (name, sha256, scopes) VALUES ('other', 'x', '{submit}') RETURNING id"
    [other] = await fetch(owner_of(suite.database), key)
    columns = {"spec": spec, "problem_version": version, "owner": other["id"]}
    upload = await add(suite.database, suite.store, files={"student.py": b"x = 1"}, **columns)
    async with running(suite.database, suite.processor):
        await all_are("executed", suite.database)
    [request] = engine.requests
    assert request.unit_tests
    sent = [(file.path, file.data()) for file in (*request.unit_tests.files, *request.unit_tests.shared_files)]
    assert sent == [("test_a.py", b"assert"), ("data.bin", b"1")]
    submission, whole = await problem.found(upload), await problem.found(upload, sees_all=True)
    run, hidden = submission["run"], submission["run"]["tests"][1]
    assert (run["verdict"], run["points"], run["points_awarded"]) == ("wrong_answer", 8, 2)
    known = {"number": 2, "name": "hidden 2", "hidden": True, "outcome": "error", "points": 2, "points_awarded": 0}
    assert {name: value for name, value in hidden.items() if value is not None} == known
    assert [run["tests"][0][name] for name in ("name", "group", "stdout", "judge_message")] == [
        "test_add", "test_a", "WROTE", None,
    ]  # fmt: skip
    assert whole["run"]["tests"][1]["name"] == "test_secret"
    assert not [word for word in ("test_secret", "SECRET", "line 4", "test_a.py") if word in json.dumps(submission)]
    [mail] = await fetch(suite.database, "SELECT text FROM emails")
    assert "S (s@1)" in mail["text"]


async def test_a_submission_that_an_older_server_took_is_not_accepted(engine: StreamingEngine, suite: Suite) -> None:
    version = await Problem(suite).store()
    upload = await add(suite.database, suite.store, spec={"problem": "s@1"}, problem_version=version)
    async with running(suite.database, suite.processor):
        await all_are("failed", suite.database)
    [job] = await fetch(suite.database, "SELECT failure FROM job WHERE upload = :upload", upload=upload)
    assert "its problem has unit tests" in job["failure"]
    assert not engine.requests


async def test_tests_that_cannot_be_listed_are_a_judge_error(engine: StreamingEngine, suite: Suite) -> None:
    failed = JudgeFailed(judge="unit_tests", judge_message="There is no test.")
    engine.streams = [[STARTED, failed]]
    submission = await suite.run()
    run = submission["run"]
    assert (run["verdict"], run["judge_message"], run["message"]) == ("judge_error", "There is no test.", None)
    assert (run["tests"], run["points"], run["points_awarded"]) == (None, None, None)
    assert (submission["unit_tests"]["tests"], submission["unit_tests"]["points"]) == (None, None)
    [mail] = await fetch(suite.database, "SELECT text FROM emails")
    assert "no fault of the program" in mail["text"]
    assert "printed nothing" not in mail["text"]


async def test_a_program_that_does_not_compile_has_all_tests_and_no_points(
    engine: StreamingEngine, suite: Suite
) -> None:
    compiled = Compiled(
        verdict=Verdict.COMPILE_ERROR, error="", output="line 1", truncated=False, cpu_s=1, wall_s=1, memory_bytes=1
    )
    engine.streams = [[STARTED, COLLECTION, *[ended(number, "not_run") for number in (1, 2, 3, 4)], compiled]]
    run = (await suite.run())["run"]
    assert (run["verdict"], run["compile_output"], run["points"], run["points_awarded"]) == (
        *("compile_error", "line 1", 8, 0),
    )
    assert [(test["outcome"], test["points_awarded"]) for test in run["tests"]] == [("not_run", 0)] * 4


@pytest.mark.parametrize("stream", [
    [STARTED, COLLECTION, PASSED[1]], [STARTED, PASSED[0]], [STARTED, COLLECTION, COLLECTION],
    [STARTED, COLLECTION, PASSED[0], end(Verdict.ACCEPTED, 8)], [STARTED, COLLECTION, *PASSED, ended(5, "passed")],
    [STARTED, COLLECTION, *PASSED],
])  # fmt: skip
async def test_an_engine_that_mixes_them_up_is_asked_again(
    engine: StreamingEngine, suite: Suite, stream: list[RunEvent | Exception]
) -> None:
    engine.streams = [stream, [STARTED, COLLECTION, *PASSED, end(Verdict.ACCEPTED, 8)]]
    assert (await suite.run())["verdict"] == Verdict.ACCEPTED
    assert len(engine.requests) == 2
