"""The rules that all requests to API v1 and all its answers follow."""

import asyncio
import gzip
import json
import re
from typing import Any

import httpx
import pytest

from api_service import auth
from api_service.problems import Kind
from api_service.v1.manners import accepts_gzip
from shared.api_keys import Scope
from shared.database.connection import Database
from shared.errors import DatabaseUnavailable
from tests.integration.api_service.v1 import trial
from tests.integration.api_service.v1.conftest import PUBLIC_URL, Reach, app_of, key_of
from tests.waiting import eventually

pytestmark = pytest.mark.integration

TRIAL = f"/v1/trial/{trial.KNOWN}"


JSON = {"Content-Type": "application/json"}


def httpx_json(body: object) -> bytes:
    """Return a body as httpx cannot make it: with lone surrogates, or null."""
    return json.dumps(body).encode()


def assert_problem(answer: httpx.Response, kind: Kind, **places: str) -> dict[str, Any]:
    """Fail unless the answer is a whole problem document of this kind; return it."""
    assert answer.status_code == kind.status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    content: dict[str, Any] = answer.json()
    assert content["type"] == f"{PUBLIC_URL}/problems#{kind.anchor}"
    assert (content["title"], content["status"]) == (kind.title, kind.status)
    assert re.search(r"\.$", content["detail"])
    assert (kind.status == 422) == ("errors" in content)
    for error in content.get("errors", ()):
        assert error["detail"].endswith(".")
        assert len(error) == 2
    return content


def places(answer: httpx.Response) -> list[tuple[str, str]]:
    assert_problem(answer, Kind.INVALID)
    return [(name, error[name]) for error in answer.json()["errors"] for name in error if name != "detail"]


class TestProblems:
    async def test_a_faulty_body_has_a_pointer_for_each_fault(self, trials: httpx.AsyncClient) -> None:
        body = {
            "count": True, "is_urgent": "true", "tests": [{}, {"name": "123456", "points": "2", "a/~b": 1}],
            "labels": {"a": "1", "b": "1234"}, "kind": "float", "extra": 1,
        }  # fmt: skip
        answer = await trials.post(TRIAL, json=body)
        assert sorted(places(answer)) == [
            ("pointer", pointer)
            for pointer in (
                "/count", "/extra", "/is_urgent", "/kind", "/labels/b", "/tests/1/a~1~0b", "/tests/1/name",
                "/tests/1/points", "/text",
            )
        ]  # fmt: skip

    async def test_the_faults_that_are_reported_are_bounded(self, trials: httpx.AsyncClient) -> None:
        for body in ({f"k{i}": 1 for i in range(1800)}, {"text": "a", "labels": {f"k{i}": "\0" for i in range(1400)}}):
            answer = await trials.post(TRIAL, content=httpx_json(body), headers=JSON)
            assert len(places(answer)) == 100

    async def test_a_query_of_very_many_parameters_is_one_fault(self, trials: httpx.AsyncClient) -> None:
        answer = await trials.get(f"{TRIAL}?{'&'.join(f'{n:x}' for n in range(10_000))}")
        assert places(answer) == [("parameter", "")]
        assert answer.json()["detail"] == "The query has more than 256 parameters; send fewer."
        assert len(places(await trials.get(f"{TRIAL}?{'&'.join(f'{n:x}' for n in range(256))}"))) == 256

    @pytest.mark.parametrize("body", [[], "text", 3, None])
    async def test_the_whole_body_is_the_empty_pointer(self, trials: httpx.AsyncClient, body: object) -> None:
        answer = await trials.post(TRIAL, content=httpx_json(body), headers=JSON)
        assert places(answer) == [("pointer", "")]

    @pytest.mark.parametrize("number", ["2.5", "2.0", "1e2", '"2"', "true", "[2]", "9" * 30])
    async def test_no_type_is_converted(self, trials: httpx.AsyncClient, number: str) -> None:
        body = f'{{"text": "a", "count": {number}}}'.encode()
        answer = await trials.post(TRIAL, content=body, headers={"Content-Type": "application/json"})
        if number == "9" * 30:
            assert answer.status_code == 201  # the model sets no bound
        else:
            assert places(answer) == [("pointer", "/count")]

    async def test_null_is_the_default_of_optional_keys_only(self, trials: httpx.AsyncClient) -> None:
        body: dict[str, Any] = dict.fromkeys(["count", "is_urgent", "tests", "labels", "kind"])
        assert (await trials.post(TRIAL, json={"text": "a", **body})).status_code == 201
        assert (await trials.post(TRIAL, json={"text": "a", "tests": [{"points": None}]})).status_code == 201
        assert places(await trials.post(TRIAL, json={"text": None})) == [("pointer", "/text")]

    @pytest.mark.parametrize("text", ["a\0b", "\ud800"])
    async def test_texts_that_cannot_be_stored_are_refused(self, trials: httpx.AsyncClient, text: str) -> None:
        async def post(body: object) -> list[tuple[str, str]]:
            return places(await trials.post(TRIAL, content=httpx_json(body), headers=JSON))

        assert await post({"text": text}) == [("pointer", "/text")]
        assert await post({"text": "a", "labels": {"b": text, "c": "d"}}) == [("pointer", "/labels/b")]
        assert await post({"text": "a", "labels": {text: "b"}}) == [("pointer", "/labels")]

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"{]", b'{"text": "\xff"}', b'{"text": NaN}', b'{"text": -Infinity}', b"[" * 5000, b'{"a":' * 200,
         b"[" * 101 + b"]" * 101, b"\xff\xfe{\0}\0", b"[" + b"1" * 5000 + b"]"],
    )  # fmt: skip
    async def test_a_body_that_is_not_json_is_malformed(self, trials: httpx.AsyncClient, body: bytes) -> None:
        assert_problem(await trials.post(TRIAL, content=body, headers=JSON), Kind.MALFORMED_BODY)

    async def test_a_name_that_comes_twice_is_refused(self, trials: httpx.AsyncClient) -> None:
        answer = await trials.post(TRIAL, content=b'{"text": "a", "text": "b"}', headers=JSON)
        assert places(answer) == [("pointer", "")]

    async def test_the_parameters_of_a_query_are_read_strictly(self, trials: httpx.AsyncClient) -> None:
        async def got(query: str) -> Any:
            return await trials.get(f"{TRIAL}?{query}")

        good = await got("limit=7&is_urgent=true&after=2026-01-31T12:00:00Z&ratio=-1.5&text=5&metadata.a.b=c")
        assert good.status_code == 200
        assert good.json()["text"] == (
            '{"limit":7,"is_urgent":true,"after":"2026-01-31T12:00:00Z","ratio":-1.5,"text":"5","metadata":{"a.b":"c"}}'
        )
        for bad in (
            "limit=0", "limit=201", "limit=1.0", "limit=1_0", "limit=%201", "limit=", "limit=+1", "is_urgent=1",
            "is_urgent=True", "after=1700000000", "after=2026-01-31", "after=2026-13-31T12:00:00Z", "ratio=nan",
            "ratio=1e5", "text=a%00b", "nothing=1", "limit=1&limit=1", "metadata=1",
        ):  # fmt: skip
            assert places(await got(bad)) == [("parameter", bad.partition("=")[0])], bad
        assert places(await got("limit=0&ratio=x&other=1&text=1&text=2")) == [
            ("parameter", "text"), ("parameter", "limit"), ("parameter", "ratio"), ("parameter", "other"),
        ]  # fmt: skip

    async def test_a_call_without_parameters_refuses_any(self, trials: httpx.AsyncClient) -> None:
        assert places(await trials.post(TRIAL, params={"wait": 1}, json={"text": "a"})) == [("parameter", "wait")]

    @pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/trial/7/nothing/", "/v1//trial/7"])
    async def test_unknown_paths_are_not_found(self, trials: httpx.AsyncClient, path: str) -> None:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            assert_problem(await trials.request(method, path), Kind.NOT_FOUND)

    @pytest.mark.parametrize("id", ["0", "-1", "abc", "07", "7.0", "+7", "%D9%A7", "9" * 19, "9" * 400, "%00", "8"])
    async def test_an_id_that_is_not_one_is_not_found(self, trials: httpx.AsyncClient, id: str) -> None:  # noqa: A002
        assert_problem(await trials.get(f"/v1/trial/{id}"), Kind.NOT_FOUND)
        assert_problem(await trials.get(f"/v1/trial/{id}?limit=x"), Kind.NOT_FOUND)
        assert_problem(await trials.post(f"/v1/trial/{id}", content=b"x" * 200_000), Kind.NOT_FOUND)

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"])
    async def test_other_methods_are_refused_with_those_there_are(self, trials: httpx.AsyncClient, method: str) -> None:
        preflight = {"Origin": "https://example.com", "Access-Control-Request-Method": "POST"}
        answer = await trials.request(method, TRIAL, headers=preflight if method == "OPTIONS" else {})
        assert_problem(answer, Kind.METHOD_NOT_ALLOWED)
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
        assert not [name for name in answer.headers if name.startswith("access-control-")]

    async def test_an_internal_error_shows_no_details(self, trials: httpx.AsyncClient) -> None:
        transport = httpx.ASGITransport(app_of(trials), raise_app_exceptions=False, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(f"{TRIAL}/crash", headers={"X-Request-Id": "mine"})
        assert_problem(answer, Kind.INTERNAL)
        assert "secret" not in answer.text
        assert answer.headers["X-Request-Id"] == "mine"

    async def test_the_page_has_an_anchor_for_each_kind(self, trials: httpx.AsyncClient) -> None:
        page = await trials.get("/problems")
        assert page.status_code == 200
        assert re.findall(r'<section [^>]*id="([\w-]+)"', page.text) == [kind.anchor for kind in Kind]
        assert "//" not in page.text.replace("<!doctype", "")
        assert (await trials.get("/problems/")).text == page.text

    async def test_classic_calls_keep_their_errors(self, trials: httpx.AsyncClient) -> None:
        for path in ("/check_email/?id=9", "/check_email/?id=x", "/nothing", "/v12", "/check_user"):
            answer = await trials.get(path)
            assert answer.status_code in (404, 422)
            assert answer.json().get("type", "about:blank") == "about:blank"
            assert "X-Request-Id" in answer.headers


class TestOrder:
    """401, 403, 404, 405, then 413, 415, 400, 422: the earlier of two faults is answered."""

    async def test_the_answer_is_about_the_first_fault(
        self, reach: Reach, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auth, "CACHE_SECONDS", -1)
        submit, read = await key_of(database, Scope.SUBMIT), await key_of(database, Scope.READ)
        huge: dict[str, Any] = {"content": b"x" * 200_000}
        async with reach() as api:
            for key in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
                for method, path in (
                    ("POST", TRIAL), ("POST", "/v1/trial/8"), ("GET", "/v1/nothing"), ("PATCH", TRIAL),
                    ("GET", TRIAL), ("GET", f"{TRIAL}?x=1"),
                ):  # fmt: skip
                    answer = await api.request(method, path, headers=key, **huge)
                    assert_problem(answer, Kind.UNAUTHENTICATED)
                    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            # Browsers send it without a key.
            assert_problem(await api.options(TRIAL), Kind.METHOD_NOT_ALLOWED)
            assert_problem(await api.post("/v1/trial/8", headers=read, **huge), Kind.FORBIDDEN)
            assert_problem(await api.get("/v1/trial/8?limit=0", headers=submit), Kind.FORBIDDEN)
            assert_problem(await api.post("/v1/trial/8?x=1", headers=submit, **huge), Kind.NOT_FOUND)
            assert_problem(await api.patch(f"{TRIAL}?x=1", headers=submit, **huge), Kind.METHOD_NOT_ALLOWED)
            assert_problem(await api.post(f"{TRIAL}?x=1", headers=submit, **huge), Kind.TOO_LARGE)
            xml = {**submit, "Content-Type": "text/xml"}
            unsupported = await api.post(f"{TRIAL}?x=1", headers=xml, content=b"{")
            assert_problem(unsupported, Kind.UNSUPPORTED_TYPE)
            assert unsupported.headers["Accept"] == "application/json"
            assert_problem(
                await api.post(f"{TRIAL}?x=1", headers={**submit, **JSON}, content=b"{"), Kind.MALFORMED_BODY
            )
            assert_problem(await api.post(f"{TRIAL}?x=1", headers=submit, json={}), Kind.INVALID)

    async def test_a_body_without_a_length_is_bounded_too(self, trials: httpx.AsyncClient) -> None:
        async def pieces() -> Any:
            for _ in range(100):
                yield b" " * 10_000

        answer = await trials.post(TRIAL, content=pieces(), headers=JSON)
        assert_problem(answer, Kind.TOO_LARGE)

    async def test_other_users_of_protected_mode_are_forbidden(self, reach: Reach) -> None:
        async with reach(peer="192.0.2.1") as api:
            for path in (TRIAL, "/v1/nothing"):
                assert_problem(await api.get(path), Kind.FORBIDDEN)


class TestAnswers:
    async def test_every_answer_has_the_id_of_its_request(self, trials: httpx.AsyncClient) -> None:
        paths = {
            TRIAL: 200, "/v1/nothing": 404, f"{TRIAL}?x=1": 422, "/healthz": 200, "/check_email/?id=9": 404,
            "/nothing": 404, "/docs": 200, "/": 200,
        }  # fmt: skip
        for path, status in paths.items():
            for mine in ("A-z.9_", "x" * 128):
                answer = await trials.get(path, headers={"X-Request-Id": mine})
                assert answer.status_code == status
                assert answer.headers.get_list("X-Request-Id") == [mine]
            made = set()
            for bad in (None, "", "x" * 129, "a b", "ä", "a/b", "a\tb"):
                headers = [(b"X-Request-Id", bad.encode())] if bad is not None else []
                answer = await trials.get(path, headers=headers)
                made.add(answer.headers["X-Request-Id"])
            assert len(made) == 7
            assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)

    async def test_json_is_private_and_checked_again(self, trials: httpx.AsyncClient) -> None:
        assert (await trials.get(TRIAL)).headers["Cache-Control"] == "private, no-cache"
        assert "Cache-Control" not in (await trials.get(f"{TRIAL}/plain")).headers
        assert "Cache-Control" not in (await trials.get("/healthz")).headers

    async def test_json_from_one_kibibyte_on_is_compressed(self, trials: httpx.AsyncClient) -> None:
        around = len((await trials.get(f"{TRIAL}/text/0")).content)
        for size, is_compressed in ((1023, False), (1024, True)):
            path = f"{TRIAL}/text/{size - around}"
            for accepted in ("gzip", "br, gzip;q=0.5", "*"):
                answer = await trials.get(path, headers={"Accept-Encoding": accepted})
                assert answer.headers.get("Content-Encoding") == ("gzip" if is_compressed else None)
                assert len(answer.content) == size
            plain = await trials.get(path, headers={"Accept-Encoding": "gzip;q=0, br"})
            assert "Content-Encoding" not in plain.headers
            assert "Accept-Encoding" in plain.headers["Vary"]
        async with trials.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as stream:
            raw = b"".join([piece async for piece in stream.aiter_raw()])
        assert gzip.decompress(raw) == plain.content
        assert int(stream.headers["Content-Length"]) == len(raw)
        assert stream.headers["Vary"] == "Accept-Encoding"

    async def test_only_json_is_compressed(self, trials: httpx.AsyncClient) -> None:
        answer = await trials.get(f"{TRIAL}/plain", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers
        assert len(answer.content) == 5000

    @pytest.mark.parametrize(
        ("accepted", "is_accepted"),
        [("gzip", True), ("GZip", True), ("x-gzip", True), ("*", True), ("gzip;q=1.0", True), ("gzip; q=0.001", True),
         ("deflate, gzip;q=0.2", True), ("", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False),
         ("*;q=0", False), ("*, gzip;q=0", False), ("notgzip", False), ("gzip;q=x", False)],
    )  # fmt: skip
    def test_accept_encoding_is_understood(self, accepted: str, is_accepted: bool) -> None:
        assert accepts_gzip(accepted) is is_accepted

    @pytest.mark.parametrize("path", ["", "/text/3000", "/plain", "/nothing", "?limit=0"])
    async def test_head_is_get_without_the_body(self, trials: httpx.AsyncClient, path: str) -> None:
        mine = {"X-Request-Id": "mine", "Accept-Encoding": "gzip"}
        head, get = [await trials.request(method, TRIAL + path, headers=mine) for method in ("HEAD", "GET")]
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert dict(head.headers) == dict(get.headers)

    async def test_head_of_a_stream_is_answered_at_once(self, trials: httpx.AsyncClient) -> None:
        trial.ended.clear()
        async with asyncio.timeout(30):
            head = await trials.head(f"{TRIAL}/events")
        assert (head.status_code, head.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        assert head.content == b""
        assert trial.ended == ["events"]

    async def test_a_slash_at_the_end_makes_no_difference(self, trials: httpx.AsyncClient) -> None:
        for path in (f"{TRIAL}/", f"{TRIAL}/plain/"):
            assert (await trials.get(path)).status_code == 200
        assert (await trials.post(f"{TRIAL}/", json={"text": "a"})).status_code == 201
        assert (await trials.get(f"{TRIAL}//")).status_code == 404

    async def test_cors_is_off(self, trials: httpx.AsyncClient) -> None:
        answer = await trials.get(TRIAL, headers={"Origin": "https://example.com"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


class TestBudgets:
    async def test_a_budget_is_reported_until_it_is_used_up(self, reach: Reach, database: Database) -> None:
        key = await key_of(database, Scope.SUBMIT, Scope.READ)
        async with reach() as api:
            failed = await api.post(TRIAL, json={"text": "fail"}, headers=key)
            assert failed.status_code == 409
            assert "RateLimit" not in failed.headers  # what was taken was put back
            for left in (2, 1, 0):
                answer = await api.post(TRIAL, json={"text": "a"}, headers=key)
                assert answer.headers["RateLimit-Policy"] == '"trials";q=3;w=3600'
                fields = re.fullmatch(r'"trials";r=(\d);t=(\d+)', answer.headers["RateLimit"])
                assert fields is not None
                assert int(fields[1]) == left
                assert 1 <= int(fields[2]) <= 1200
            refused = await api.post(TRIAL, json={"text": "a"}, headers=key)
            assert refused.status_code == 429
            content = refused.json()
            assert content["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
            assert (content["status"], content["violated-policies"]) == (429, ["trials"])
            fields = re.fullmatch(r'"trials";r=0;t=(\d+)', refused.headers["RateLimit"])
            assert fields is not None
            assert 1190 < int(fields[1]) <= int(refused.headers["Retry-After"]) <= 1200
            assert refused.headers["RateLimit-Policy"] == '"trials";q=3;w=3600'
            assert "RateLimit" not in (await api.get(TRIAL, headers=key)).headers
            assert "RateLimit" not in (await api.post(TRIAL, json={}, headers=key)).headers

    async def test_a_call_without_a_budget_has_no_ratelimit(self, trials: httpx.AsyncClient) -> None:
        assert "RateLimit" not in (await trials.post(TRIAL, json={"text": "a"})).headers

    async def test_an_unavailable_database_says_when_to_retry(
        self, trials: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unavailable(*_: object, **__: object) -> None:
            raise DatabaseUnavailable("it is down")

        monkeypatch.setattr(trial, "once", unavailable)
        answer = await trials.post(TRIAL, json={"text": "a"})
        assert_problem(answer, Kind.UNAVAILABLE)
        assert int(answer.headers["Retry-After"]) >= 1


async def test_nothing_waits_after_a_head(trials: httpx.AsyncClient) -> None:
    before = asyncio.all_tasks()
    await trials.head(f"{TRIAL}/events")
    await eventually(lambda: asyncio.all_tasks() <= before, what="no task is left")
