"""Judge0's batches, tokens and information, on a running system."""

import re
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.fixtures.judge0 import BASH, MULTI_FILE, PLAIN_TEXT, PYTHON, C, Client, Door, ended
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

UNUSED_TOKEN: Final = str(uuid4())


# Batches


def test_a_batch(owner: Client) -> None:
    one = {"source_code": "print(1)", "language_id": PYTHON}
    wrong = {"source_code": "", "language_id": 150000}
    answer = owner.post("/submissions/batch", json={"submissions": [one, wrong, one]})
    assert answer.status_code == 201
    first, second, third = answer.json()
    assert second == {
        "source_code": ["can't be blank"],
        "language_id": ["language with id 150000 doesn't exist"],
    }
    tokens = [third["token"], UNUSED_TOKEN, first["token"]]
    for token in (first["token"], third["token"]):
        ended(owner, token)
    for found in (
        owner.get("/submissions/batch", params={"tokens": ",".join(tokens), "fields": "token,stdout"}),
        owner.get("/submissions/batch/", headers={"tokens": ",".join(tokens)}, params={"fields": "token,stdout"}),
    ):
        assert found.json() == {
            "submissions": [
                {"token": third["token"], "stdout": "1\n"},
                None,
                {"token": first["token"], "stdout": "1\n"},
            ]
        }
    answer = owner.post("/submissions/batch", json={"submissions": [wrong]})
    assert (answer.status_code, answer.json()) == (422, [second])


def test_the_size_of_a_batch(owner: Client) -> None:
    none = {"error": "there should be at least one submission in a batch"}
    many = {"error": "number of submissions in a batch should be less than or equal to 20"}
    one = {"source_code": "print(1)", "language_id": PYTHON}
    bodies: list[dict[str, Any]] = [{}, {"submissions": []}, {"submissions": "x"}]
    for body in bodies:
        answer = owner.post("/submissions/batch", json=body)
        assert (answer.status_code, answer.json()) == (400, none)
    answer = owner.post("/submissions/batch", json={"submissions": [one] * 21})
    assert (answer.status_code, answer.json()) == (400, many)
    assert owner.get("/submissions/batch").json() == none
    answer = owner.get("/submissions/batch", params={"tokens": ",".join([UNUSED_TOKEN] * 21)})
    assert (answer.status_code, answer.json()) == (400, many)


# Who may do what


def test_every_call_needs_a_token(judge0: Door) -> None:
    paths = ("/languages", "/about", "/statuses", "/config_info", f"/submissions/{UNUSED_TOKEN}", "/submissions")
    for path in paths:
        answer = judge0.stranger.get(path)
        assert (answer.status_code, answer.content) == (401, b"")
    assert judge0.stranger.post("/submissions", json={}).status_code == 401
    assert judge0.stranger.get("/languages", headers={"X-Auth-Token": "x" * 40}).status_code == 401
    key = judge0.keys["owner"]
    assert judge0.stranger.get("/languages", params={"X-Auth-Token": key}).status_code == 200
    assert judge0.stranger.get("/languages", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    ignored = {"X-Auth-Token": key, "X-RapidAPI-Key": "x", "X-RapidAPI-Host": "y", "X-Judge0-Region": "z"}
    assert judge0.stranger.get("/languages", headers=ignored).status_code == 200


def test_authentication_and_authorization(judge0: Door) -> None:
    for client, statuses in ((judge0.owner, [200, 403]), (judge0.operator, [200, 200]), (judge0.stranger, [401, 401])):
        answers = [client.post(path) for path in ("/authenticate", "/authorize/")]
        assert [answer.status_code for answer in answers] == statuses
        assert all(answer.content == b"" for answer in answers)


def test_another_keys_submission_does_not_exist(judge0: Door) -> None:
    token = judge0.owner.run()["token"]
    assert judge0.other.get(f"/submissions/{token}").status_code == 404
    assert judge0.other.get("/submissions/batch", params={"tokens": token}).json() == {"submissions": [None]}
    assert judge0.operator.get(f"/submissions/{token}").status_code == 200


def test_the_list_is_for_the_operator(judge0: Door) -> None:
    tokens = [judge0.owner.create()["token"] for _ in range(3)]
    assert judge0.owner.get("/submissions").status_code == 403
    answer = judge0.operator.get("/submissions", params={"per_page": 2, "fields": "token"}).json()
    assert [one["token"] for one in answer["submissions"]] == tokens[:0:-1]
    meta = answer["meta"]
    assert (meta["current_page"], meta["next_page"], meta["prev_page"]) == (1, 2, None)
    assert meta["total_pages"] == -(-meta["total_count"] // 2)
    second = judge0.operator.get("/submissions", params={"per_page": 2, "page": 2, "fields": "token"}).json()
    assert second["submissions"][0]["token"] == tokens[0]
    for query, error in (({"page": -4}, "invalid page: -4"), ({"per_page": -2}, "invalid per_page: -2")):
        answer = judge0.operator.get("/submissions", params=query)
        assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_deletion(judge0: Door) -> None:
    running = judge0.owner.create("import time; time.sleep(3)")["token"]
    assert judge0.owner.delete(f"/submissions/{running}").status_code == 403
    answer = judge0.operator.delete(f"/submissions/{running}")
    assert answer.status_code == 400
    assert re.fullmatch(
        r"submission cannot be deleted because its status is (1 \(In Queue\)|2 \(Processing\))", answer.json()["error"]
    )
    ended(judge0.owner, running)
    deleted = judge0.operator.delete(f"/submissions/{running}", params={"fields": "token,source_code"}).json()
    assert deleted == {"token": running, "source_code": "aW1wb3J0IHRpbWU7IHRpbWUuc2xlZXAoMyk=\n"}
    assert judge0.owner.get(f"/submissions/{running}").status_code == 404


# Information and manners


def test_languages_and_statuses(owner: Client) -> None:
    listed = owner.get("/languages").json()
    assert all(set(one) == {"id", "name"} for one in listed)
    assert [one["name"] for one in listed] == sorted(one["name"] for one in listed)
    numbers = {one["id"] for one in listed}
    assert numbers >= {PYTHON, 92, 100, 109, 113, C, 48, 49, 103, 52, 53, 54, 105, BASH, PLAIN_TEXT, MULTI_FILE}
    every = owner.get("/languages/all").json()
    assert {one["id"] for one in every if one["is_archived"]} == {*range(1, 43)}
    assert numbers == {one["id"] for one in every if not one["is_archived"]}
    python = owner.get(f"/languages/{PYTHON}").json()
    assert set(python) == {"id", "name", "is_archived", "source_file", "compile_cmd", "run_cmd"}
    assert (python["source_file"], python["compile_cmd"], python["is_archived"]) == ("script.py", None, False)
    assert "gcc" in owner.get(f"/languages/{C}").json()["compile_cmd"]
    assert owner.get("/languages/34").json()["is_archived"] is True
    for name in ("150000", "x"):
        assert owner.get(f"/languages/{name}").status_code == 404
    statuses = owner.get("/statuses").json()
    assert [one["id"] for one in statuses] == [*range(1, 15)]
    assert statuses[6] == {"id": 7, "description": "Runtime Error (SIGSEGV)"}


def test_the_server_describes_itself(owner: Client) -> None:
    about = owner.get("/about").json()
    assert set(about) == {"version", "homepage", "source_code", "maintainer"}
    assert about["version"] == "1.13.1"
    for path in ("/version", "/isolate", "/license"):
        answer = owner.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
    config = owner.get("/config_info").json()
    assert config["max_cpu_time_limit"] == 15.0
    assert config["enable_submission_delete"] is True
    assert "maintenance_message" not in config
    [workers] = owner.get("/workers").json()
    assert set(workers) == {"queue", "size", "available", "idle", "working", "paused", "failed"}
    system = owner.get("/system_info").json()
    assert {"Mem", "Swap"} <= set(system)
    assert all(isinstance(value, str) for value in system.values())


def test_the_statistics(judge0: Door) -> None:
    judge0.other.run("raise SystemExit(1)")
    first = judge0.other.get("/statistics", params={"invalidate_cache": "true"}).json()
    assert set(first) == {"created_at", "cached_until", "submissions", "languages", "statuses", "database"}
    assert {"status": {"id": 11, "name": "Runtime Error (NZEC)"}, "count": 1} in first["statuses"]
    assert len(first["submissions"]["last_30_days"]) == 30
    judge0.other.run("raise SystemExit(1)")
    assert judge0.other.get("/statistics").json() == first

    def recount() -> dict[str, Any]:  # at most once a second
        counted: dict[str, Any] = judge0.other.get("/statistics", params={"invalidate_cache": "true"}).json()
        return counted if counted != first else {}

    again = eventually_sync(recount)
    assert again["submissions"]["today"] == first["submissions"]["today"] + 1
    assert again["database"]["size_in_bytes"] > 0


def test_unknown_paths_are_not_found(owner: Client) -> None:
    paths = (f"/submissions/{UNUSED_TOKEN}", "/submissions/123", "/submissions/x", "/languages/x/y", "/about/x")
    for path in paths:
        assert (owner.get(path).status_code, owner.get(path).content) == (404, b"")
        answer = owner.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()) == (404, {"status": 404, "error": "Not Found"})
    assert owner.put("/submissions").status_code == 404
    assert owner.post("/about").status_code == 404


def test_pages_of_other_sites_may_call(judge0: Door) -> None:
    origin = {"Origin": "https://ide.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-auth-token,content-type"}
    preflight = judge0.stranger.options("/submissions", headers={**origin, **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "x-auth-token" in preflight.headers["access-control-allow-headers"].lower()
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert judge0.owner.get("/languages", headers=origin).headers["access-control-allow-origin"] == "*"
    assert judge0.stranger.get("/languages", headers=origin).headers["access-control-allow-origin"] == "*"


def test_our_own_paths_are_as_before(judge0: Door) -> None:
    assert judge0.stranger.get("/healthz").status_code == 200
    assert judge0.stranger.get("/").status_code == 200
    page = judge0.stranger.get("/submissions/1", headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
