"""Each API shows what the other registers and runs."""

import json
from typing import Any

import httpx

from shared.adapters.database.connection import Database
from tests.integration.api_service.v1.conftest import Key
from tests.integration.rows import execute, insert
from tests.integration.submission_rows import end, make_job

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


async def test_the_classic_list_shows_the_file_that_is_run(api: httpx.AsyncClient, database: Database) -> None:
    files = [{"path": "lib/a.py", "content": "x = 1"}, {"path": "main.py", "content": "import lib.a"}]
    upload = await post(api, source=None, files=files, entry="main.py")
    await execute(database, "UPDATE uploads SET request_id = NULL, outcome = 'finished'")
    await execute(database, "INSERT INTO job (upload, status, number) VALUES (:upload, 'executed', 1)", upload=upload)
    [shown] = await classic(api)
    assert json.loads(shown["job"])["contents"] == "import lib.a"


async def test_hidden_tests_appear_in_no_classic_call(api: httpx.AsyncClient, database: Database) -> None:
    tests = [
        {"name": "shown", "stdin": "1", "expected_output": "1"},
        {"name": "h", "hidden": True, "stdin": SECRET, "expected_output": SECRET, "args": [SECRET]},
    ]
    upload = await post(api, tests=tests)
    assert SECRET not in json.dumps(await classic(api))
    job = await make_job(database, upload)
    texts = {"stdout": SECRET.encode(), "stderr": SECRET.encode(), "diff": SECRET}
    await insert(
        database, "test_results", job=job, number=2, attempt=1, verdict="wrong_answer", points_awarded=0, **texts
    )
    assert SECRET not in json.dumps(await classic(api))
    await end(database, job, verdict="wrong_answer", output="", error="1 of 2 tests passed.")
    shown = await classic(api, id=upload)
    assert (SECRET in json.dumps(shown), shown[0]["verdict"]) == (False, "wrong_answer")
    # Keys see it in API v1.
    run = (await api.get(f"/v1/submissions/{upload}")).json()["run"]
    assert (run["tests"][1]["hidden"], run["tests"][1]["stdout"]) == (True, SECRET)
    assert (await api.get(f"/v1/submissions/{upload}/output?test=2")).text == SECRET
