"""Submissions to a problem in API v1: how they name it, what is stored of it, and who is shown what of its tests."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from shared.adapters.database.connection import Database
from shared.adapters.storage.signing import LinkSigner
from shared.records.accounts.api_keys import Scope
from shared.records.resources import read
from shared.records.resources.links import Links
from tests.integration.api_service.conftest import ApiWith
from tests.integration.api_service.v1.conftest import CHECKED, PACKAGE, PATH, Key, make_key, put
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import end, make_job
from tests.problem_packages import NEW_YAML, TESTS, pack

pytestmark = pytest.mark.usefixtures("problem_languages")

SUBMISSIONS: Final = "/v1/submissions"
BODY: Final[dict[str, Any]] = {"language": "py", "source": "print(int(input()) + 1)\n", "problem": "sum"}
_RESULT: Final = """
    INSERT INTO test_results (job, attempt, number, verdict, points_awarded, stdout, stderr, diff, cut, exit_code,
        cpu_s, wall_s, memory_bytes, message, judge_message)
    SELECT :job, 1, number, 'wrong_answer', 0, 'OUT', 'ERR', 'DIFF', ARRAY['stdout'], 0, 0.5, 1, 9, 'MESSAGE', 'JUDGE'
    FROM generate_series(1, 3) AS number
"""


@pytest.fixture
async def client(api_with: ApiWith, setter: Key) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client with the key of the setter."""
    async with api_with(limits={"language_time_factors": "py=3"}, key_budget=100) as client:
        client.headers.update(setter.headers)
        yield client


async def submit(client: httpx.AsyncClient, key: Key | None = None, **keys: Any) -> dict[str, Any]:
    answer = await client.post(SUBMISSIONS, json={**BODY, **keys}, headers=key.headers if key else {})
    assert answer.status_code == 201, answer.text
    submission: dict[str, Any] = answer.json()
    return submission


async def faults(client: httpx.AsyncClient, key: Key | None = None, **keys: Any) -> dict[str, str]:
    answer = await client.post(SUBMISSIONS, json={**BODY, **keys}, headers=key.headers if key else {})
    assert answer.status_code == 422, answer.text
    return {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}


async def test_a_submission_is_pinned_to_a_version(client: httpx.AsyncClient, database: Database) -> None:
    await put(client)
    first = await submit(client)
    assert (first["problem"], first["checker"], first["interactor"]) == ("sum@1", None, None)
    # The factor of its language counts, and the elapsed time follows the CPU time.
    assert first["limits"] == {
        "cpu_s": 15.0, "wall_s": 32.0, "memory_bytes": 1 << 30, "output_bytes": 8 << 20, "processes": 64,
    }  # fmt: skip
    assert [(test["name"], test["group"], test["hidden"], test["points"]) for test in first["run"]["tests"]] == [
        ("sample/1", "sample", False, 0.0),
        ("secret/01", "secret", True, 0.0),
    ]
    assert (first["run"]["points"], first["run"]["groups"]) == (1.0, None)
    await put(client, CHECKED)
    second = await submit(client, language="cpp")
    assert (second["problem"], second["limits"]["cpu_s"], second["run"]["points"]) == ("sum@2", 2.0, 100.0)
    assert [test["points"] for test in second["run"]["tests"]] == [0.0, 50.0, 50.0]
    old = await submit(client, problem="sum@1")
    assert (await client.get(f"{SUBMISSIONS}/{first['id']}")).json()["problem"] == "sum@1"
    [row] = await fetch(database, "SELECT tests, spec FROM uploads WHERE id = :id", id=first["id"])
    assert "stdin" not in json.loads(row["tests"])[0]
    found = {}
    for name in ("sum", "sum@1", "sum@2", "sum@3", "other", "sum@x"):
        listed = (await client.get(SUBMISSIONS, params={"problem": name})).json()["items"]
        found[name] = {item["id"] for item in listed}
    one, two, three = first["id"], second["id"], old["id"]
    assert found == {
        "sum": {one, two, three}, "sum@1": {one, three}, "sum@2": {two}, "sum@3": set(), "other": set(),
        "sum@x": set(),
    }  # fmt: skip


async def test_the_limits_of_a_language_win(client: httpx.AsyncClient) -> None:
    await put(client, limits={"cpu_s": 2}, language_limits={"py": {"cpu_s": 4, "memory_bytes": 1 << 27}})
    limits = (await submit(client))["limits"]
    assert (limits["cpu_s"], limits["wall_s"], limits["memory_bytes"]) == (4.0, 10.0, 1 << 27)
    limits = (await submit(client, language="cpp"))["limits"]
    assert (limits["cpu_s"], limits["wall_s"], limits["memory_bytes"]) == (2.0, 6.0, 1 << 30)


async def test_the_limits_of_a_language_may_not_be_known_yet(client: httpx.AsyncClient, database: Database) -> None:
    await execute(database, "UPDATE languages SET details = NULL WHERE code = 'py'")
    await put(client)
    assert (await client.post(SUBMISSIONS, json=BODY)).status_code == 503


async def test_forms_texts_and_batches_name_a_problem(client: httpx.AsyncClient) -> None:
    await put(client)
    form = await client.post(
        SUBMISSIONS, data={"language": "py", "problem": "sum"}, files={"file": ("main.py", b"print(1)")}
    )
    assert (form.status_code, form.json()["problem"]) == (201, "sum@1")
    text = await client.post(
        f"{SUBMISSIONS}?language=py&problem=sum@1", content=b"print(1)", headers={"Content-Type": "text/plain"}
    )
    assert (text.status_code, text.json()["problem"]) == (201, "sum@1")
    wrong = await client.post(
        f"{SUBMISSIONS}?language=py&problem=no", content=b"print(1)", headers={"Content-Type": "text/plain"}
    )
    assert [fault.get("parameter") for fault in wrong.json()["errors"]] == ["problem"]
    sources = [{"source": "1", "language": "py"}, {"source": "2", "language": "cpp"}]
    batch = await client.post("/v1/batches", json={"submissions": sources, "defaults": {"problem": "sum"}})
    assert batch.status_code == 201, batch.text
    for member in batch.json()["submissions"]:
        assert (await client.get(f"{SUBMISSIONS}/{member}")).json()["problem"] == "sum@1"
    wrong = await client.post(
        "/v1/batches", json={"submissions": [{**sources[0], "stdin": "1"}], "defaults": {"problem": "no"}}
    )
    assert {fault["pointer"] for fault in wrong.json()["errors"]} == {"/submissions/0/stdin", "/defaults/problem"}


async def test_what_a_problem_has_is_refused_in_its_submissions(client: httpx.AsyncClient, student: Key) -> None:
    await put(client)
    checker = {"kind": "program", "language": "py", "source": "1"}
    assert (await faults(client, tests=[{}])).keys() == {"/tests"}
    wrong = await faults(
        client,
        stdin="",
        args=[],
        expected_output="",
        checker=checker,
        interactor={"language": "py", "source": "1", "protocol": "testlib"},
        limits={},
        stop_at_first_failure=False,
        stop_after_time_limits=1,
    )
    assert wrong.keys() >= {
        "/stdin", "/args", "/expected_output", "/checker", "/interactor", "/limits", "/stop_at_first_failure",
        "/stop_after_time_limits",
    }  # fmt: skip
    unknown = [await faults(client, problem=name) for name in ("other", "sum@2", "sum@x", "Sum", "")]
    unknown += [await faults(client, student), await faults(client, student, problem="sum@1")]
    assert all(wrong == unknown[0] and wrong.keys() == {"/problem"} for wrong in unknown)


async def test_a_problem_bounds_languages_and_sources(client: httpx.AsyncClient) -> None:
    limits = "languages: [cpp]\nlimits: {time_limit: 1, code: 1}\n"
    files = {**TESTS, "submissions/accepted/sum.cpp": "int main() {}"}
    await put(client, pack({"problem.yaml": NEW_YAML + limits, **files}).getvalue())
    assert (await faults(client, source="#" * 1025)).keys() == {"/language", "/source"}
    large = [{"path": "main.cpp", "content": "#" * 1025}]
    assert (await faults(client, language="cpp", source=None, files=large)).keys() == {"/files"}
    await submit(client, language="cpp")


async def test_a_submission_runs_again_as_its_problem_says(client: httpx.AsyncClient, database: Database) -> None:
    await put(client)
    held = await submit(client, hold=True)
    assert (await client.delete(PATH)).status_code == 409
    assert (await client.delete(f"{SUBMISSIONS}/{held['id']}")).status_code == 204
    created = await submit(client)
    path = f"{SUBMISSIONS}/{created['id']}"
    refused = await client.delete(PATH)
    assert (refused.status_code, refused.json()["type"].partition("#")[2]) == (409, "under-way")
    await end(database, await make_job(database, created["id"]), verdict="accepted")
    refused = await client.post(f"{path}/runs", json={"stdin": "1", "limits": {"cpu_s": 1}})
    assert {fault["pointer"] for fault in refused.json()["errors"]} == {"/stdin", "/limits"}
    assert (await client.post(f"{path}/runs")).status_code == 202
    await end(database, await make_job(database, created["id"]), verdict="accepted")
    assert (await client.delete(PATH)).status_code == 204
    assert (await client.post(f"{path}/runs")).status_code == 409
    assert (await client.get(path)).json()["problem"] == "sum@1"
    # Its version stays as long as the submission does.
    assert len(await fetch(database, "SELECT FROM problem_versions WHERE state = 'deleted'")) == 1
    other = await put(client)
    assert other["version"] == 2
    assert (await faults(client, problem="sum@1")).keys() == {"/problem"}


async def test_secret_tests_are_shown_to_the_owner_alone(
    client: httpx.AsyncClient, student: Key, database: Database, signer: LinkSigner
) -> None:
    await put(client, CHECKED, visibility="shared")
    groups = [
        {"name": "secret", "parent": None, "verdict": "wrong_answer", "points": 100.0, "points_awarded": 0.0,
         "tests": 2, "passed": 0},
    ]  # fmt: skip
    ids = [(await submit(client, key))["id"] for key in (student, None)]
    for number in ids:
        job = await make_job(database, number)
        await execute(database, _RESULT, job=job)
        await end(database, job, verdict="wrong_answer", groups=json.dumps(groups), judge_message="OF THE RUN")
    texts = ("stdout", "stderr", "diff", "judge_message", "truncated")
    shown = {"stdout": "OUT", "stderr": "ERR", "diff": "DIFF", "judge_message": "JUDGE", "truncated": ["stdout"]}
    path = f"{SUBMISSIONS}/{ids[0]}"
    seen = (await client.get(path, headers=student.headers)).json()
    assert seen["run"]["groups"] == groups
    assert seen["run"]["judge_message"] is None
    sample, *secrets = seen["run"]["tests"]
    assert {name: sample[name] for name in texts} == shown
    for test in secrets:
        assert {name: test[name] for name in texts} == dict.fromkeys(texts)
        assert (test["message"], test["cpu_s"], test["exit_code"]) == ("MESSAGE", None, None)
    run = (await client.get(f"{path}/runs/1", headers=student.headers)).json()
    events = (await client.get(f"{path}/events", headers=student.headers)).text
    assert run["tests"] == seen["run"]["tests"]
    assert (events.count('"OUT"'), events.count('"JUDGE"')) == (2, 2)  # of the sample: its event, and the end
    async with database.connection() as connection:
        sent = await read.submission(connection, ids[0], links=Links(signer))  # as a webhook does
    assert sent
    assert sent.model_dump(mode="json")["run"]["tests"] == seen["run"]["tests"]
    for name in ("output", "stderr"):
        statuses = [
            (await client.get(f"{path}/{name}?test={test}", headers=student.headers)).status_code for test in (1, 2, 3)
        ]
        assert statuses == [200, 404, 404]
    own = (await client.get(f"{SUBMISSIONS}/{ids[1]}")).json()
    assert all({name: test[name] for name in texts} == shown for test in own["run"]["tests"])
    assert own["run"]["judge_message"] == "OF THE RUN"
    assert (await client.get(f"{SUBMISSIONS}/{ids[1]}/output?test=2")).text == "OUT"
    admin = await make_key(database, "admin", Scope.ADMIN)
    assert (await client.get(path, headers=admin.headers)).json()["run"]["tests"][1]["stdout"] == "OUT"


async def test_a_program_tells_no_secret_by_its_measures(
    client: httpx.AsyncClient, student: Key, database: Database, signer: LinkSigner
) -> None:
    """Two programs get the same verdicts, and use a secret test as a code: each view of them is the same."""
    await put(client, CHECKED, visibility="shared")
    views = []
    for letter in ("a", "q"):
        number = (await submit(client, student, email="someone@example.com"))["id"]
        job = await make_job(database, number)
        await execute(database, _RESULT, job=job)
        code = ord(letter)
        told = (
            "UPDATE test_results SET stdout = :text, stderr = :text, diff = :letter, judge_message = :letter,"
            " cut = :cut, exit_code = CAST(:code AS integer), cpu_s = :code, wall_s = :code, memory_bytes = :code"
            " WHERE number > 1"
        )
        cut = ["stdout"] if letter == "a" else []
        await execute(database, told, text=letter.encode(), letter=letter, code=code, cut=cut)
        await execute(database, "UPDATE test_results SET diff = NULL WHERE number = 1")
        measures: dict[str, Any] = {"time_s": code / 100, "wall_s": code / 100, "memory_bytes": code << 20}
        await end(database, job, verdict="wrong_answer", judge_message=letter, **measures)
        path = f"{SUBMISSIONS}/{number}"
        answers = [
            (await client.get(target, headers=student.headers)).text
            for target in (path, f"{path}/runs", f"{path}/runs/1", f"{path}/events")
        ]
        listed = (await client.get(SUBMISSIONS, headers=student.headers)).json()["items"][0]
        page = await client.get(Links(signer).page(number).removeprefix(signer.public_url))
        async with database.connection() as connection:
            sent = await read.submission(connection, number, links=Links(signer))  # as a webhook does
        assert sent
        answers += [json.dumps(listed), page.text, sent.model_dump_json()]
        views.append([*map(_without_names, answers)])
    for first, second in zip(*views, strict=True):
        assert first == second


def _without_names(answer: str) -> str:
    """Return an answer without times, signatures and the numbers of submissions, jobs and mails."""
    answer = re.sub(r"20\d\d-\d\d-\d\d[T ][\d:.]+Z?|\d\d:\d\d(:\d\d)?|(expires|signature)=[\w%-]+", "", answer)
    return re.sub(r"(\"id\": ?|id: |submissions/|pages/|ubmission |#|<dd>)\d+", "", answer)


async def test_a_name_that_is_taken_over_brings_no_secrets(client: httpx.AsyncClient, database: Database) -> None:
    await put(client, visibility="shared")
    rival = await make_key(database, "rival", Scope.SUBMIT, Scope.READ, Scope.PROBLEMS)
    number = (await submit(client, rival))["id"]
    job = await make_job(database, number)
    await execute(database, _RESULT, job=job)
    await end(database, job, verdict="wrong_answer")
    assert (await client.delete(PATH)).status_code == 204
    taken = await client.put(PATH, content=PACKAGE, headers=rival.headers | {"Content-Type": "application/zip"})
    assert taken.status_code == 201
    seen = (await client.get(f"{SUBMISSIONS}/{number}", headers=rival.headers)).json()
    assert [test["stdout"] for test in seen["run"]["tests"]] == ["OUT", None]


UNIT_TESTS: Final = {"problem.yaml": "name: S\n", "unit_tests/py/test_secret.py": "assert", "include/py/a.py": "1"}


async def test_a_framework_that_the_server_lacks_is_named(client: httpx.AsyncClient) -> None:
    await put(client, pack(UNIT_TESTS).getvalue())
    missing = "`pytest` is not installed on this server: `precieux doctor` says how to install it."
    assert await faults(client) == {"/language": missing}


async def test_unit_tests_of_a_version_judge_its_submissions(client: httpx.AsyncClient, database: Database) -> None:
    frameworks = [{"framework": name, "version": "9"} for name in ("pytest", "unittest")]
    details = json.dumps({"unit_tests": frameworks})
    await execute(database, "UPDATE languages SET details = details || CAST(:details AS jsonb)", details=details)
    assert (await put(client, pack(UNIT_TESTS).getvalue()))["unit_tests"] == {"py": "pytest"}
    assert await faults(client, language="cpp") == {
        "/language": "The problem does not allow this language. Allowed: py."
    }
    first = await submit(client)
    settings = "module: stack\ntotal_cpu_s: 9\nvisibility: hidden\nlimits: {cpu_s: 4}\npy: {framework: unittest}"
    await put(client, pack({**UNIT_TESTS, "unit_tests/settings.yaml": settings}).getvalue())
    await client.patch(PATH, json={"limits": {"cpu_s": 1}})
    second = await submit(client)
    assert [(one["problem"], one["limits"]["cpu_s"], one["run"]["tests"]) for one in (first, second)] == [
        ("sum@1", 6.0, None), ("sum@3", 3.0, None),
    ]  # fmt: skip
    for submission, framework, module, visibility, cpu_s, total in (
        (first, "pytest", None, "visible", 10.0, 60.0),
        (second, "unittest", "stack", "hidden", 4.0, 9.0),
    ):
        shown = (await client.get(f"{SUBMISSIONS}/{submission['id']}")).json()["unit_tests"]
        assert (shown["framework"], shown["module"], shown["visibility"]) == (framework, module, visibility)
        assert (shown["limits"]["cpu_s"], shown["total_cpu_s"], shown["tests"]) == (cpu_s, total, None)
        assert (shown["files"], shown["shared_files"]) == ([], [])
    [row] = await fetch(database, "SELECT spec, tests FROM uploads WHERE id = :id", id=first["id"])
    assert ("secret" in row["spec"], row["tests"]) == (False, None)
    await client.post(f"{SUBMISSIONS}/{first['id']}/cancel")
    refused = await client.post(f"{SUBMISSIONS}/{first['id']}/runs", json={"stdin": "1"})
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/stdin"]
