"""Each API shows what the other registers and runs."""

import json
from typing import Any

import httpx
import pytest

from shared.database.connection import Database
from shared.storage.local import LocalStore
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import execute, fetch
from tests.integration.submission_rows import end, make_job

pytestmark = pytest.mark.integration

EMAIL = "a@example.com"
SECRET = "secret"


async def classic(api: httpx.AsyncClient, key: Key | None = None, **query: Any) -> list[dict[str, Any]]:
    headers = key.headers if key else None
    answer = await api.get("/check_user/", params={"email": EMAIL, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["result"]
    return result


async def post(api: httpx.AsyncClient, **body: Any) -> int:
    answer = await api.post("/v1/submissions", json={"language": "py", "email": EMAIL, "source": "print(1)", **body})
    assert answer.status_code == 201, answer.text
    upload: int = answer.json()["id"]
    return upload


async def test_a_classic_submission_reads_right_in_v1(api: httpx.AsyncClient, database: Database) -> None:
    answer = await api.post(
        "/submit_email/",
        params={"email": EMAIL, "language": "Python3", "inputs": "12\n"},
        files={"file": ("my program.py", b"print(input())")},
    )
    upload = int(answer.json().rpartition(" ")[2])
    path = f"/v1/submissions/{upload}"
    held = (await api.get(path)).json()
    assert (held["state"], held["runs"], held["run"], held["language"]) == ("held", 0, None, "py")
    assert (held["entry"], held["files"]) == ("my program.py", [{"path": "my program.py", "size_bytes": 14}])
    assert (held["email"], held["metadata"], held["batch"], held["args"]) == (EMAIL, {}, None, [])
    assert (await api.get(f"{path}/source")).text == "print(input())"
    assert (await api.get("/check_email/", params={"id": upload})).status_code == 200
    queued = (await api.get(path)).json()
    assert (queued["state"], queued["runs"], queued["run"]["number"]) == ("queued", 1, 1)
    assert queued["queue"]["position"] == 1
    job = await make_job(database, upload)
    await end(database, job, verdict="runtime_error", output="1\n", error="Traceback", exit_code=1, time_s=0.1)
    finished = (await api.get(path)).json()
    assert (finished["state"], finished["verdict"]) == ("finished", "runtime_error")
    run = finished["run"]
    assert (run["stdout"], run["stderr"], run["compile_output"], run["exit_code"]) == ("1\n", "Traceback", None, 1)
    assert [item["id"] for item in (await api.get("/v1/submissions?language=py&state=finished")).json()["items"]] == [
        upload
    ]
    assert (await api.post(f"{path}/runs")).status_code == 202
    assert (await api.get(path)).json()["runs"] == 2


async def test_the_classic_list_shows_the_file_that_is_run(api: httpx.AsyncClient, database: Database) -> None:
    files = [{"path": "lib/a.py", "content": "x = 1"}, {"path": "main.py", "content": "import lib.a"}]
    upload = await post(api, source=None, files=files, entry="main.py")
    await execute(database, "UPDATE uploads SET request_id = NULL, outcome = 'finished'")
    await execute(database, "INSERT INTO job (upload, status, number) VALUES (:upload, 'executed', 1)", upload=upload)
    [shown] = await classic(api)
    assert json.loads(shown["job"])["contents"] == "import lib.a"


async def test_hidden_tests_appear_in_no_classic_call(
    api: httpx.AsyncClient, database: Database, store: LocalStore
) -> None:
    tests = [
        {"name": "shown", "stdin": "1", "expected_output": "1"},
        {"name": "h", "hidden": True, "stdin": SECRET, "expected_output": SECRET, "args": [SECRET]},
    ]
    upload = await post(api, tests=tests)
    assert SECRET not in json.dumps(await classic(api))
    job = await make_job(database, upload)
    await execute(
        database,
        "INSERT INTO test_results (job, number, attempt, verdict, points_awarded, stdout, stderr, diff)"
        " VALUES (:job, 2, 1, 'wrong_answer', 0, :secret, :secret, :text)",
        job=job,
        secret=SECRET.encode(),
        text=SECRET,
    )
    assert SECRET not in json.dumps(await classic(api))
    await end(database, job, verdict="wrong_answer", output="", error="1 of 2 tests passed.")
    shown = await classic(api, id=upload)
    assert (SECRET in json.dumps(shown), shown[0]["verdict"]) == (False, "wrong_answer")
    # Keys see it in API v1.
    run = (await api.get(f"/v1/submissions/{upload}")).json()["run"]
    assert (run["tests"][1]["hidden"], run["tests"][1]["stdout"]) == (True, SECRET)
    assert (await api.get(f"/v1/submissions/{upload}/output?test=2")).text == SECRET
    [row] = await fetch(database, "SELECT object_key FROM uploads WHERE id = :id", id=upload)
    assert await store.size(str(row["object_key"])) == 8
