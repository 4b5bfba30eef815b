"""Section 1 of the contract: the manners of every call."""

from typing import Any

import pytest

from tests.fixtures.contract import ONE, Api, Contract, faults, new_address, problem
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

GETS = (
    "/v1/submissions", "/v1/submissions/{id}", "/v1/submissions/{id}/events", "/v1/submissions/{id}/runs",
    "/v1/submissions/{id}/runs/1", "/v1/submissions/{id}/output", "/v1/submissions/{id}/stderr",
    "/v1/submissions/{id}/source", "/v1/submissions/{id}/mails", "/v1/batches/{batch}", "/v1/batches/{batch}/events",
    "/v1/languages", "/v1/languages/py", "/v1/usage", "/v1/limits",
)  # fmt: skip
POSTS = (
    "/v1/submissions", "/v1/submissions/{id}/runs", "/v1/submissions/{id}/cancel", "/v1/submissions/{id}/mails",
    "/v1/batches", "/v1/batches/{batch}/cancel", "/v1/run",
)  # fmt: skip
PRIVATE = [path for path in (*GETS, *POSTS) if "{" in path]


@pytest.fixture(scope="module")
def done(owner: Api) -> dict[str, Any]:
    return owner.submit(source="print(1)", email=new_address())


@pytest.fixture(scope="module")
def batch(owner: Api) -> dict[str, Any]:
    body = {"submissions": [{"language": "py", "source": "print(1)"}]}
    made: dict[str, Any] = owner.post("/v1/batches", json=body).json()
    eventually_sync(lambda: owner.read(f"/v1/batches/{made['id']}")["state"] == "finished", what="the batch ends")
    return made


@pytest.fixture
def at(done: dict[str, Any], batch: dict[str, Any]) -> Any:
    return lambda path: path.format(id=done["id"], batch=batch["id"])


# Strictness.


def test_unknown_parameters_are_refused_by_name(owner: Api, at: Any) -> None:
    bodies: dict[str, Any] = {
        "/v1/submissions": {**ONE, "hold": True},
        "/v1/batches": {"submissions": [ONE]},
        "/v1/run": ONE,
    }
    held = f"/v1/submissions/{owner.held()['id']}"
    for path in GETS:
        assert faults(owner.get(at(path), params={"sauce": "1"})) == {"?sauce"}, path
    for path in POSTS:
        assert faults(owner.post(at(path), params={"sauce": "1"}, json=bodies.get(path))) == {"?sauce"}, path
    assert faults(owner.delete(held, params={"sauce": "1"})) == {"?sauce"}
    owner.read(held)


# The order of checks.


def test_a_body_is_checked_last(system: Contract, done: dict[str, Any]) -> None:
    bad: Any = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    problem(system.stranger.post("/v1/submissions", **bad), 401)
    problem(system.reader.post("/v1/submissions", **bad), 403)
    problem(system.owner.post("/v1/submissions/987654321/runs", **bad), 404)
    problem(system.other.post(f"/v1/submissions/{done['id']}/runs", **bad), 404)
    problem(system.owner.put("/v1/submissions", **bad), 405)
    problem(system.owner.post("/v1/submissions?sauce=1", content=b"{", headers={"Content-Type": "image/png"}), 415)
    problem(system.owner.post("/v1/submissions?sauce=1", **bad), 400)
    for method, path in (("GET", "/v1/nothing"), ("PATCH", "/v1/submissions")):
        problem(system.stranger.request(method, path), 401)
    problem(system.stranger.options("/v1/submissions"), 405)  # browsers send it without a key


def test_a_body_that_is_too_large(owner: Api) -> None:
    most = owner.read("/v1/limits")["max_body_bytes"]
    for kind in ("application/json", "text/plain", "image/png"):
        answer = owner.post("/v1/submissions", content=b" " * (most + 1), headers={"Content-Type": kind})
        problem(answer, 413)

    def chunks() -> Any:
        for _ in range(most // 65536 + 2):
            yield b" " * 65536

    answer = owner.post("/v1/submissions", content=chunks(), headers={"Content-Type": "application/json"})
    problem(answer, 413)


# Problems.


def test_unknown_paths_are_problems(owner: Api, done: dict[str, Any]) -> None:
    for path in ("/v1/nothing", "/v1", "/v1/submissions/1/nothing", "/v1/submissions//runs", "/v1/languages/cobolt"):
        problem(owner.get(path), 404)
    for number in ("abc", "-1", "0", "9" * 30, "2"):
        problem(owner.get(f"/v1/submissions/{done['id']}/runs/{number}"), 404)


def test_an_id_that_is_not_one_is_not_found(owner: Api) -> None:
    for number in ("abc", "-1", "0", "%D9%A1", "1_0", "%00", "9223372036854775808"):
        for path in PRIVATE:
            url = path.format(id=number, batch=number)
            problem(owner.request("POST" if path in POSTS else "GET", url), 404)
        problem(owner.delete(f"/v1/submissions/{number}"), 404)


@pytest.mark.parametrize("path", GETS + POSTS + ("/v1/mailgun/events",))
def test_other_methods_are_problems(owner: Api, at: Any, path: str) -> None:
    allowed = set()
    if path in GETS:
        allowed |= {"GET", "HEAD"}
    if path in POSTS or path == "/v1/mailgun/events":
        allowed |= {"POST"}
    if path in ("/v1/submissions/{id}", "/v1/batches/{batch}"):
        allowed |= {"DELETE"}
    for method in {"PUT", "PATCH", "OPTIONS", "GET", "POST", "DELETE", "TRACE", "PROPFIND"} - allowed:
        answer = owner.request(method, at(path))
        problem(answer, 405)
        assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed, method
    head = owner.head(at(path))
    assert head.status_code == (200 if "GET" in allowed else 405)
    assert head.content == b""


# Keys.


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nothing", "Basic dTpw", "Bearer pcx_a b", "bearer"])
def test_a_call_without_a_known_key_is_401(system: Contract, at: Any, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in (*GETS, *POSTS):
        answer = system.stranger.request("POST" if path in POSTS else "GET", at(path), headers=headers)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    head = system.stranger.head("/v1/limits", headers=headers)
    assert (head.status_code, head.content) == (401, b"")


def test_the_scheme_may_be_in_any_case(system: Contract) -> None:
    key = system.owner.headers["Authorization"].removeprefix("Bearer ")
    assert system.stranger.get("/v1/limits", headers={"Authorization": f"bearer {key}"}).status_code == 200


def test_a_key_without_the_scope_is_403(system: Contract, done: dict[str, Any], at: Any) -> None:
    for path in POSTS:
        problem(system.reader.post(at(path)), 403)
    problem(system.reader.delete(f"/v1/submissions/{done['id']}"), 403)
    for path in GETS:
        problem(system.poster.get(at(path)), 403)


# Headers.


def test_a_request_id_of_the_client_comes_back(owner: Api) -> None:
    for own in ("a", "A.b_c-9", "x" * 128):
        for path in ("/v1/limits", "/v1/nothing", "/healthz"):
            assert owner.get(path, headers={"X-Request-Id": own}).headers["x-request-id"] == own
    bad: Any
    for bad in ("", "x" * 129, "a b", "a/b", "é".encode()):
        answers = [owner.get("/v1/limits", headers={"X-Request-Id": bad}) for _ in range(2)]
        made = {answer.headers["x-request-id"] for answer in answers}
        assert len(made) == 2, bad
        assert all(one.isascii() and 1 <= len(one) <= 128 for one in made)


@pytest.mark.parametrize("path", [path for path in GETS if not path.endswith(("/events", "put", "err", "source"))])
def test_json_is_not_kept_by_caches(owner: Api, at: Any, path: str) -> None:
    answer = owner.get(at(path))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert owner.get(at(path) + "?sauce=1").headers["cache-control"] == "private, no-cache"


def test_json_is_gzipped_from_1_kib_on(owner: Api, done: dict[str, Any]) -> None:
    large = owner.get(f"/v1/submissions/{done['id']}", headers={"Accept-Encoding": "gzip"})
    assert large.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in large.headers["vary"]
    assert large.json()["id"] == done["id"]
    small = owner.get("/v1/usage", headers={"Accept-Encoding": "gzip"})
    assert len(small.content) < 1024
    assert "content-encoding" not in small.headers
    for refused in ("identity", "gzip;q=0", "br", ""):
        plain = owner.get(f"/v1/submissions/{done['id']}", headers={"Accept-Encoding": refused})
        assert "content-encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["vary"]
    for taken in ("br, gzip;q=0.5", "GZIP", "*"):
        zipped = owner.get(f"/v1/submissions/{done['id']}", headers={"Accept-Encoding": taken})
        assert zipped.headers.get("content-encoding") == "gzip", taken


def test_the_bytes_of_programs_are_never_gzipped(owner: Api) -> None:
    long = owner.submit(source="print('x' * 5000)")
    for path in ("output", "stderr", "source", "events"):
        answer = owner.get(f"/v1/submissions/{long['id']}/{path}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers


def test_a_closing_slash_is_the_same_route(owner: Api, done: dict[str, Any], at: Any) -> None:
    for path in GETS:
        answer = owner.get(at(path) + "/")
        assert (answer.status_code, answer.history) == (200, []), path
    assert owner.post("/v1/submissions/", json={**ONE, "hold": True}).status_code == 201
    problem(owner.post(f"/v1/submissions/{done['id']}/cancel/"), 409)
    assert owner.delete(f"/v1/submissions/{owner.held()['id']}/").status_code == 204


@pytest.mark.parametrize("path", [path for path in GETS if not path.endswith("/events")])
def test_head_answers_as_get_does(owner: Api, at: Any, path: str) -> None:
    for encoding in ("gzip", "identity"):
        get, head = (owner.request(m, at(path), headers={"Accept-Encoding": encoding}) for m in ("GET", "HEAD"))
        assert head.content == b""
        assert head.status_code == get.status_code
        own = {"date", "x-request-id"}
        assert {k: v for k, v in head.headers.items() if k not in own} == {
            k: v for k, v in get.headers.items() if k not in own
        }


def test_cors_is_off(owner: Api, done: dict[str, Any]) -> None:
    origin = {"Origin": "https://evil.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    answers = [
        owner.get("/v1/limits", headers=origin),
        owner.get("/v1/nothing", headers=origin),
        owner.get(f"/v1/submissions/{done['id']}/events", headers=origin),
        owner.options("/v1/submissions", headers=asked),
    ]
    assert not [name for answer in answers for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("accept", ["image/png", "text/html", "*/*;q=0", ""])
def test_accept_is_not_looked_at(owner: Api, accept: str) -> None:
    assert owner.get("/v1/limits", headers={"Accept": accept}).headers["content-type"] == "application/json"
    problem(owner.get("/v1/nothing", headers={"Accept": accept}), 404)


# Budgets.


def rate_items(header: str) -> dict[str, dict[str, int]]:
    items = {}
    for item in header.split(","):
        name, *parameters = item.strip().split(";")
        assert name[0] == name[-1] == '"'
        items[name[1:-1]] = {key: int(value) for key, value in (one.split("=") for one in parameters)}
    return items


def test_counted_answers_carry_the_budgets(owner: Api, email: str) -> None:
    answers = [owner.post("/v1/submissions", json={"language": "py", "source": "1", "email": email}) for _ in range(2)]
    policies, limits = (
        [rate_items(answer.headers[name]) for answer in answers] for name in ("ratelimit-policy", "ratelimit")
    )
    assert policies[0] == policies[1]
    assert set(limits[0]) == set(policies[0]) >= {"submissions", "mails"}
    for name, policy in policies[0].items():
        assert {"q", "w"} <= set(policy)
        assert {"r", "t"} <= set(limits[0][name])
        assert 0 < limits[1][name]["t"] <= policy["w"]
        assert limits[1][name]["r"] < policy["q"]
    assert limits[1]["mails"]["r"] == limits[0]["mails"]["r"] - 1 == policies[0]["mails"]["q"] - 2
    assert limits[1]["submissions"]["r"] == limits[0]["submissions"]["r"] - 1
    assert "ratelimit" not in owner.get("/v1/limits").headers
