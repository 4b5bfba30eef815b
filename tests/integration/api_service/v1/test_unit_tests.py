"""Unit tests in API v1: stored rows, answers without contents, runs that are not stored, and JUnit XML."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from xml.etree import ElementTree

import httpx
import pytest

from job_runner.upkeep.orphans import Orphans
from shared.adapters.database.connection import Database
from shared.adapters.engine.base import OpenedEngine
from shared.adapters.storage.local import LocalStore
from shared.engine_api.codex import Verdict
from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import CollectedTest, Collection, JudgeFailed, UnitTestEnded, UnitTestsEnded
from shared.engine_api.unit_tests import UnitTestOutcome
from tests.fixtures.played_engine import STARTED, PlayedEngine
from tests.integration.api_service.conftest import ApiWith
from tests.integration.rows import execute
from tests.integration.submission_rows import end, make_job

pytestmark = pytest.mark.usefixtures("problem_languages")

PATH: Final = "/v1/submissions"
BODY: Final[dict[str, Any]] = {
    "language": "py",
    "source": "print(1)",
    "unit_tests": {
        "files": [{"path": "test_a.py", "content": "SECRET"}],
        "shared_files": [{"path": "data", "content": "SECRET2"}],
        "module": "student",
    },
}
TESTS: Final = [CollectedTest(name=name, group="test_a", points=1, hidden=name == "b") for name in "abc"]


@pytest.fixture(autouse=True)
async def _frameworks(database: Database, problem_languages: None) -> None:
    details = """jsonb_build_object('unit_tests', '[{"framework": "pytest", "version": "9.0.2"}]'::jsonb)"""
    await execute(database, f"UPDATE languages SET details = details || {details} WHERE code = 'py'")


async def post(api: httpx.AsyncClient, **keys: Any) -> dict[str, Any]:
    answer = await api.post(PATH, json={**BODY, **keys})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


def stored(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[2] for path in (folder / "objects").rglob("*") if path.is_file())


async def test_answers_have_all_but_the_contents(api: httpx.AsyncClient, database: Database, tmp_path: Path) -> None:
    created = await post(api)
    limits = {"wall_s": 20.0, "memory_bytes": 1 << 30, "output_bytes": 8 << 20, "processes": 64}
    assert created["unit_tests"] == {
        "framework": "pytest", "module": "student", "visibility": "visible", "limits": {"cpu_s": 10.0, **limits},
        "files": [{"path": "test_a.py", "size_bytes": 6}], "shared_files": [{"path": "data", "size_bytes": 7}],
        "total_cpu_s": 20.0, "tests": None, "points": None,
    }  # fmt: skip
    assert (created["checker"], created["limits"]["cpu_s"]) == (None, 2.0)
    path = f"{PATH}/{created['id']}"
    texts = [(await api.get(where)).text for where in (path, PATH, f"{path}/runs", f"{path}/source")]
    assert not any("SECRET" in text for text in texts)
    assert (await api.get(path)).json()["unit_tests"] == created["unit_tests"]
    assert texts[-1] == "print(1)"
    assert stored(tmp_path) == ["py.unit_tests"]
    language = (await api.get("/v1/languages/py")).json()
    assert language["unit_tests"] == [{"framework": "pytest", "version": "9.0.2"}]
    assert (await api.get("/v1/limits")).json()["max_unit_tests"] == 1000


async def test_it_runs_again_with_other_limits_only(api: httpx.AsyncClient, database: Database) -> None:
    created = await post(api)
    await end(database, await make_job(database, created["id"]), verdict="accepted", output="", stderr="")
    path = f"{PATH}/{created['id']}/runs"
    refused = await api.post(path, json={"stdin": "1", "args": []})
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/stdin", "/args"]
    assert (await api.post(path, json={"limits": {"cpu_s": 1}})).status_code == 202


async def test_the_files_go_with_their_submission(
    api: httpx.AsyncClient, runner: Database, store: LocalStore, tmp_path: Path
) -> None:
    kept, held = await post(api), await post(api, hold=True)
    later = datetime.now(UTC).date() + timedelta(days=2)
    await Orphans(runner, store, lambda: later).remove()
    assert stored(tmp_path) == ["py.unit_tests"] * 2
    assert (await api.delete(f"{PATH}/{held['id']}")).status_code == 204
    assert (kept["state"], stored(tmp_path)) == ("queued", ["py.unit_tests"])


async def test_a_run_that_is_not_stored(api_with: ApiWith) -> None:
    outcomes = (UnitTestOutcome.PASSED, Verdict.ACCEPTED), (UnitTestOutcome.FAILED, Verdict.WRONG_ANSWER)
    ended = [
        UnitTestEnded(number=number, outcome=how, verdict=verdict, points_awarded=2 - number)
        for number, (how, verdict) in enumerate(outcomes, 1)
    ]
    ended.append(UnitTestEnded(number=3, outcome=UnitTestOutcome.SKIPPED, verdict=None, points_awarded=0))
    measures: dict[str, Any] = {"cpu_s": 1, "wall_s": 2, "memory_bytes": 3, "judge_cpu_s": 4, "starts": 1}
    over = UnitTestsEnded(verdict=Verdict.WRONG_ANSWER, points_awarded=1, stdout="started", **measures)
    failed = JudgeFailed(judge="unit_tests", judge_message="There is no test.")
    whole: list[RunEvent] = [STARTED, Collection(tests=TESTS), *ended, over]
    engine = cast("OpenedEngine", PlayedEngine([*whole], [*whole], [STARTED, failed]))
    async with api_with(open_engine=lambda: engine) as client:
        run = (await client.post("/v1/run", json=BODY)).json()
        events = (await client.post("/v1/run", json=BODY, headers={"Accept": "text/event-stream"})).text
        unjudged = (await client.post("/v1/run", json=BODY)).json()
    assert [(test["name"], test["outcome"], test["points_awarded"]) for test in run["tests"]] == [
        ("a", "passed", 1), ("b", "failed", 0), ("c", "skipped", 0),
    ]  # fmt: skip
    shown = [run[name] for name in ("verdict", "points", "points_awarded", "stdout", "cpu_s", "artifacts")]
    assert shown == ["wrong_answer", 3, 1, "started", 1, None]
    assert events.count("event: test\n") == 3
    assert (unjudged["verdict"], unjudged["judge_message"], unjudged["tests"]) == (
        "judge_error", "There is no test.", None,
    )  # fmt: skip


async def test_a_run_is_there_as_junit_xml_and_as_a_page(api: httpx.AsyncClient, database: Database) -> None:
    files = [{"path": "main.py", "content": "print(1)"}, {"path": "other.py", "content": "OTHER"}]
    created = await post(api, source=None, files=files, email="a@example.com")
    path = f"{PATH}/{created['id']}"
    assert (await api.get(path, params={"format": "junit"})).status_code == 409
    job = await make_job(database, created["id"])
    await execute(
        database,
        """UPDATE uploads SET tests = '[{"name": "a", "hidden": false, "points": 2, "group": "test_a"},
            {"name": "test_secret", "hidden": true, "points": 1, "group": "test_a"}]'""",
    )
    await execute(
        database,
        "INSERT INTO test_results (job, number, attempt, verdict, outcome, points_awarded, stdout, stderr, message)"
        " VALUES (:job, 1, 1, 'wrong_answer', 'failed', 0, :stdout, '', 'not 3')",
        job=job,
        stdout=b"\x1b<&",
    )
    await end(database, job, verdict="wrong_answer", output="", stderr="")
    for where in (path, f"{path}/runs/1"):
        answer = await api.get(where, params={"format": "junit"})
        assert answer.headers["Content-Type"] == "application/xml"
        [suite] = ElementTree.fromstring(answer.content)
        assert dict(suite.attrib) == {
            "name": "main.py", "tests": "2", "failures": "1", "errors": "0", "skipped": "1", "time": "0",
        }  # fmt: skip
        assert [(case.get("classname"), case.get("name"), case[1].tag) for case in suite] == [
            ("test_a", "a", "failure"), ("test_a", "test_secret", "skipped"),
        ]  # fmt: skip
        assert (suite[0][1].get("message"), suite[0][2].text) == ("not 3", "\N{REPLACEMENT CHARACTER}<&")
        assert [(one.get("name"), one.get("value")) for one in suite[0][0]] == [
            ("points", "2"),
            ("points_awarded", "0"),
        ]
        refused = await api.get(where, params={"format": "xml"})
        assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "format")
    events = (await api.get(f"{path}/events")).text
    assert '"outcome":"failed"' in events.partition("event: test\n")[2].partition("\n\n")[0]
    where = created["links"]["page"].partition("/pages/")[2]
    page = (await api.get(f"/pages/{where}")).text
    shown = {"Failed", "hidden 2", "Not run", "not 3", "OTHER"}
    assert {*filter(page.__contains__, shown)} == shown
    assert not {*filter(page.__contains__, ("test_secret", "SECRET", "not what was expected", "printed nothing"))}
    plain = await post(api, unit_tests=None)
    await end(database, await make_job(database, plain["id"]), verdict="ok", output="", stderr="")
    refused = await api.get(f"{PATH}/{plain['id']}", params={"format": "junit"})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "format")
