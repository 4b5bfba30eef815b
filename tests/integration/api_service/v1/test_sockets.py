"""The manners of API v1 behind sockets: what an ASGI client does not show."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.fixtures.postgres import Administrator, new_database
from tests.integration.api_service.process import ApiProcess, api_process
from tests.waiting import eventually_sync

KEY = "o" * 32


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, administrator: Administrator, template_database: str
) -> Iterator[ApiProcess]:
    with (
        new_database(administrator, template=template_database) as url,
        api_process(
            tmp_path_factory.mktemp("api"),
            url,
            {"PRECIEUX_API_KEYS": KEY, "PRECIEUX_PISTON_LIMIT_OVERRIDES": "soon"},
        ) as api,
    ):
        yield api


def ask(api: ApiProcess, *requests: str) -> str:
    """Return all that is answered to these heads of requests on one connection, until the server closes it."""
    with api.connect() as connection:
        connection.sendall("".join(requests).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer.decode()


def head(line: str, *fields: str) -> str:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}", *fields, "", ""])


def test_the_log_has_the_ids_of_requests_and_no_more(api: ApiProcess) -> None:
    # A GET that succeeds is not logged, because clients poll.
    for method, path in (
        ("POST", "/v1/submissions?email=someone@example.com"),
        ("GET", "/v1/submissions?limit=1"),
        ("GET", "/v1/nothing?secret"),
    ):
        httpx.request(method, api.url + path, headers={"Authorization": f"Bearer {KEY}", "X-Request-Id": "of-mine"})

    def logged() -> list[dict[str, Any]]:
        events = [json.loads(line) for line in api.log.splitlines()]
        return [event for event in events if event.get("request_id") == "of-mine"]

    # The record follows the answer.
    eventually_sync(lambda: len(logged()) == 2, what="both requests are logged")
    answered = logged()
    assert [(one["request_id"], one["method"], one["status"], one["route"]) for one in answered] == [
        ("of-mine", "POST", 415, "/v1/submissions"), ("of-mine", "GET", 404, "none"),
    ]  # fmt: skip
    assert not re.search("someone|secret", api.log)


def test_bytes_that_are_not_http_are_not_logged(api: ApiProcess) -> None:
    before = api.log
    for nonsense in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA\0: b\r\n\r\n"):
        with api.connect() as connection:
            connection.sendall(nonsense)
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert api.log == before


def test_a_body_is_not_read_before_its_sender_is_known(api: ApiProcess) -> None:
    with api.connect() as stranger:
        stranger.sendall(
            b"POST /submit_email/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert stranger.recv(64).startswith(b"HTTP/1.1 401")


def test_settings_of_a_closed_front_door_are_not_read(api: ApiProcess) -> None:
    assert httpx.get(f"{api.url}/healthz").status_code == 200


def test_the_connection_goes_on_after_a_head(api: ApiProcess) -> None:
    close = "Connection: close"
    answer = ask(api, head("HEAD /v1/submissions/"), head("HEAD /v1/nothing"), head("GET /v1/nothing", close))
    assert re.findall(r"HTTP/1.1 (\d+)", answer) == ["200", "404", "404"]
    assert answer.count('"status":404') == 1


@pytest.mark.slow
def test_a_large_body_is_not_asked_for_without_a_key(api: ApiProcess) -> None:
    """The client waits for `100 Continue` before it sends the body."""
    fields = ("Content-Type: application/json", "Content-Length: 999999999", "Expect: 100-continue")
    without_key = head("POST /v1/submissions", *fields).replace(KEY, "x")
    # The server closes the connections after some seconds, because it cannot know where the next request would begin.
    with ThreadPoolExecutor() as both:
        answers = both.map(partial(ask, api), (without_key, head("POST /v1/submissions", *fields)))
    for answer, status in zip(answers, ("401", "413"), strict=True):
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert "application/problem+json" in answer.lower()


def test_a_malformed_request_gets_an_id_too(api: ApiProcess) -> None:
    answer = ask(api, "nonsense\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400 ")
    assert re.search(r"X-Request-Id: [0-9a-f]{32}\r\n", answer)
