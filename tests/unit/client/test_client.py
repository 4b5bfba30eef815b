"""The client beside a server that the test plays: repeated calls, errors, streams, and bodies."""

import asyncio
import inspect
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from precieux_client import (
    APIError,
    Artifact,
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    Forbidden,
    Gone,
    InvalidRequest,
    Limits,
    NotFound,
    PrecieuxError,
    ProblemGroup,
    QuotaExceeded,
    ServerError,
    Submission,
    TestCase,
    TooManyRequests,
    Unauthenticated,
    WaitTimeout,
)
from precieux_client.decoding import decode
from tests.unit.client.server import RUN, SUBMISSION, Server, ok


def problem(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"detail": "No.", "title": "T", "status": status}, headers=headers)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of the blocking client, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


def test_a_submission_is_read() -> None:
    server = Server(ok())
    submission = server.client().get(7)
    assert submission.passed
    assert submission.is_final
    assert submission.created_at.isoformat() == "2026-01-01T12:00:00+00:00"
    assert submission.links.self == "s"
    assert server.requests[0].headers["Authorization"] == "Bearer pcx_key"


def test_a_repeated_post_is_the_same_request(slept: list[float]) -> None:
    broken = httpx.ReadError("reset")
    server = Server(broken, problem(503, **{"Retry-After": "3"}), problem(409, **{"Retry-After": "1"}), ok(status=201))
    assert server.client().submit(language="py", source="print(1)").id == 7
    keys = {request.headers["Idempotency-Key"] for request in server.requests}
    bodies = {request.content for request in server.requests}
    assert (len(server.requests), len(keys), len(bodies)) == (4, 1, 1)
    assert slept[1:] == [3, 1]


def test_two_posts_have_two_idempotency_keys() -> None:
    server = Server(ok(status=201))
    with server.client() as client:
        client.submit(language="py", source="print(1)")
        client.submit(language="py", source="print(1)")
        client.submit(language="py", source="print(1)", idempotency_key="mine")
    first, second, third = (request.headers["Idempotency-Key"] for request in server.requests)
    assert first != second
    assert third == "mine"


def test_a_server_that_never_answers_is_an_error(slept: list[float]) -> None:
    server = Server(httpx.ConnectError("refused"))
    with pytest.raises(ConnectionFailed, match=r"http://server\.example does not answer"):
        server.client(retries=3).get(7)
    assert len(server.requests) == 4
    assert len(slept) == 3
    slept.clear()
    with pytest.raises(ConnectionFailed):
        server.client(retries=1000).get(7)
    assert 30 < sum(slept) <= 60


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (413, InvalidRequest),
        (418, APIError),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(status: int, kind: type[APIError]) -> None:
    with pytest.raises(kind, match=r"No\.") as raised:
        Server(problem(status, **{"X-Request-Id": "r1"})).client(retries=0).cancel(7)
    assert type(raised.value) is kind
    assert raised.value.request_id == "r1"


def test_only_a_used_up_budget_is_an_exceeded_quota() -> None:
    problem_type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    answers = {QuotaExceeded: problem_type, TooManyRequests: "https://server.example/problems#too-many"}
    for kind, url in answers.items():
        with pytest.raises(TooManyRequests) as raised:
            Server(httpx.Response(429, json={"type": url, "detail": "No."})).client(retries=0).get(7)
        assert type(raised.value) is kind


def test_an_error_names_the_faults() -> None:
    body = {
        "detail": "Two faults.",
        "errors": [{"pointer": "/tests/3/stdin", "detail": "no"}, {"parameter": "limit", "detail": "high"}],
    }
    with pytest.raises(InvalidRequest, match=r"^tests/3/stdin: no; limit: high$") as raised:
        Server(httpx.Response(422, json=body)).client().submit(language="py", source="")
    assert raised.value.errors[0].pointer == "/tests/3/stdin"


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("3600", []), ("61", []), ("60", [60]), ("25", [25, 25]), ("7", [7] * 5), ("0", [0] * 5)],
)
def test_a_call_waits_for_a_minute_in_all(
    slept: list[float], asked: str, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "precieux_client")
    with pytest.raises(TooManyRequests) as raised:
        Server(problem(429, **{"Retry-After": asked})).client().get(7)
    assert raised.value.retry_after == int(asked)
    assert slept == waits
    message = f"http://server.example answers with status 429; trying again in {int(asked)}.0 s"
    assert caplog.messages == [message] * len(waits)


def test_a_wait_for_a_batch_has_an_end() -> None:
    class Running(httpx.SyncByteStream):
        """The events of a batch that never ends."""

        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b": alive\n\n"

    server = Server(httpx.Response(200, stream=Running()))
    with pytest.raises(WaitTimeout, match="/v1/batches/3/events has not ended in time"):
        server.client().wait_for_batch(3, timeout=0.05)
    with pytest.raises(WaitTimeout):
        Server(httpx.ConnectError("refused")).client().wait_for_batch(3, timeout=0)


def test_a_delete_that_is_repeated_succeeds() -> None:
    Server(httpx.ReadError("reset"), problem(404)).client().delete(7)
    with pytest.raises(NotFound):
        Server(problem(404)).client().delete(7)


def test_another_servers_answer_is_an_error() -> None:
    with pytest.raises(APIError, match="does not answer like a Precieux server"):
        Server(ok({"hello": 1})).client().get(7)
    with pytest.raises(APIError, match="does not answer like a Precieux server"):
        Server(httpx.Response(200, text="<html>")).client().get(7)


def test_wait_asks_until_the_end() -> None:
    server = Server(ok(SUBMISSION | {"state": "running"}), ok())
    assert server.client().wait(7).state == "finished"
    assert [request.url.params["wait"] for request in server.requests] == ["60", "60"]


def test_wait_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    server = Server(ok(SUBMISSION | {"state": "running"}))
    with pytest.raises(WaitTimeout, match="has not ended after 3 s"):
        server.client().wait(7, timeout=3)
    assert len(server.requests) == 2
    with pytest.raises(WaitTimeout, match="has not ended after 1 s"):
        server.client().run(language="py", source="print(1)", timeout=1)


def test_a_list_follows_the_cursor() -> None:
    server = Server(ok({"items": [SUBMISSION], "next": "c2"}), ok({"items": [SUBMISSION], "next": None}))
    found = list(server.client().list(state="finished", metadata={"course": "cs1"}))
    assert [one.id for one in found] == [7, 7]
    assert [request.url.query.decode() for request in server.requests] == [
        "state=finished&metadata.course=cs1&limit=50",
        "state=finished&metadata.course=cs1&limit=50&cursor=c2",
    ]


def stream(text: str) -> httpx.Response:
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_a_broken_stream_is_resumed() -> None:
    server = Server(
        stream(': hello\n\nid: 1.1\nevent: state\ndata: {"state": "queued"}\n\n'),
        httpx.ReadError("reset"),
        stream('id: 1.2\nevent: state\ndata: {\ndata: "sta'),  # within an event
        stream('event: test\ndata: {"number":\ndata: 1}\n\nid: 1.3\nevent: finished\ndata: {}\n\nid: 9\n\n'),
    )
    events = list(server.client().events(7))
    assert [(event.name, event.id) for event in events] == [
        ("state", "1.1"),
        ("test", None),
        ("finished", "1.3"),
    ]
    assert events[1].data == {"number": 1}
    assert [request.headers.get("Last-Event-ID") for request in server.requests] == [None, "1.1", "1.1", "1.1"]


TRANSIENT: dict[str, Any] = {
    **RUN, "verdict": "time_limit", "language": "py", "error": "Time limit exceeded.", "message": None,
    "judge_message": None, "engine": {"language": "py", "version": "3"}, "artifacts_left_out": {"too_many": 1},
    "artifacts": [{"name": "a", "bytes": 2, "media_type": "text/plain", "content": "aGk="}],
}  # fmt: skip


def test_a_run_that_is_not_stored() -> None:
    server = Server(httpx.Response(503, headers={"Retry-After": "0"}), ok(TRANSIENT))
    run = server.client().run_transient(language="py", source="print(1)", args=["a"])
    assert (run.verdict, run.passed, run.error) == ("time_limit", False, "Time limit exceeded.")
    assert run.artifacts
    assert run.artifacts[0].data == b"hi"
    assert [(one.method, one.url.path) for one in server.requests] == [("POST", "/v1/run")] * 2
    assert json.loads(server.requests[0].content) == {"language": "py", "source": "print(1)", "args": ["a"]}


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b" " * 2000], ids=["lists", "objects", "long"])
def test_a_hostile_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes) -> None:
    is_long = len(body) == 2000
    for module in ("sending", "sse"):
        monkeypatch.setattr(f"precieux_client.{module}.MAX_JSON", 1000 if is_long else 1 << 20)
    with pytest.raises(APIError, match="more than 1000 bytes" if is_long else None):
        Server(httpx.Response(status, content=body)).client().get(1)
    with pytest.raises(PrecieuxError, match="more than 1000 bytes" if is_long else "event that is not JSON"):
        list(Server(stream(f"data: {body.decode()}[\n\n")).client().transient_events(language="py", source=""))


def test_a_group_of_a_problem_is_an_object_and_a_mapping() -> None:
    content = {"name": "secret", "parent": "", "policy": "sum", "points": 2.0, "requires": (), "tests": 3}
    group = decode(ProblemGroup, content)
    assert (group.points, group["points"], group.get("other"), dict(group)) == (2.0, 2.0, None, content)


def test_the_output_of_a_run_comes_as_events() -> None:
    begun = 'event: stdout\ndata: {"text": "a"}\n\n'
    server = Server(httpx.Response(503, headers={"Retry-After": "0"}), stream(begun + "event: finished\ndata: {}\n\n"))
    events = server.client().transient_events(language="py", source="print(1)")
    assert [(event.name, event.data) for event in events] == [("stdout", {"text": "a"}), ("finished", {})]
    assert [request.headers["Accept"] for request in server.requests] == ["text/event-stream"] * 2
    for broken, tries in ((stream(begun), 1), (httpx.ReadError("reset"), 6), (stream(": nothing\n\n"), 6)):
        server = Server(broken)
        with pytest.raises(ConnectionFailed, match="broke off"):
            list(server.client().transient_events(language="py", source="print(1)"))
        assert len(server.requests) == tries
    with pytest.raises(InvalidRequest):
        list(Server(httpx.Response(422, json={})).client().transient_events(language="py", source=""))


#: What `str.splitlines` and httpx take for ends of lines, and JSON does not escape.
_NO_LINE_ENDS = "a\x85b\u2028c\u2029d"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_lines_of_a_stream_end_as_the_standard_says(end: str, size: int) -> None:
    lines = ["id: 1", "event: finished", "data: " + json.dumps({"stdout": _NO_LINE_ENDS}, ensure_ascii=False), "", ""]
    sent = end.join(lines).encode()
    pieces = iter([sent[start : start + size] for start in range(0, len(sent), size)])
    [event] = Server(httpx.Response(200, content=pieces)).client().events(7)
    assert (event.name, event.id, event.data) == ("finished", "1", {"stdout": _NO_LINE_ENDS})


def test_a_stream_without_news_ends() -> None:
    assert list(Server(httpx.Response(204)).client().events(7, last_event_id="1.3")) == []


def test_a_stream_that_cannot_begin_is_an_error() -> None:
    with pytest.raises(NotFound):
        list(Server(problem(404)).client().events(7))
    with pytest.raises(ConnectionFailed):
        list(Server(httpx.ConnectError("refused")).client(retries=2).events(7))


def test_streams_that_end_after_a_while_are_no_failures(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held or waits for long has no news, and its stream ends every ten minutes."""
    times = itertools.count(0, 600.0)
    monkeypatch.setattr("precieux_client.exchange.time.monotonic", lambda: next(times))
    quiet = [stream(": \n\n") for _ in range(8)]
    events = list(Server(*quiet, stream("event: finished\ndata: {}\nid: 1.0\n\n")).client(retries=0).events(7))
    assert [event.name for event in events] == ["finished"]


def test_a_body_has_only_what_was_given() -> None:
    server = Server(ok(status=201))
    server.client().submit(
        language="c",
        files={"main.c": "int main;", "data/a.bin": b"\xff\x00", "b.txt": b"text"},
        args=["-v"],
        limits=Limits(cpu_s=2),
        tests=[TestCase("1\n", "2\n", hidden=True), TestCase(limits=Limits(cpu_s=1))],
        wait=10,
    )
    assert json.loads(server.requests[0].content) == {
        "language": "c",
        "files": [
            {"path": "main.c", "content": "int main;"},
            {"path": "data/a.bin", "content": "/wA=", "encoding": "base64"},
            {"path": "b.txt", "content": "text"},
        ],
        "args": ["-v"],
        "limits": {"cpu_s": 2},
        "tests": [
            {"stdin": "1\n", "expected_output": "2\n", "hidden": True, "points": 1},
            {"stdin": "", "limits": {"cpu_s": 1}, "hidden": False, "points": 1},
        ],
    }
    assert server.requests[0].url.params["wait"] == "10"


async def test_a_stream_that_is_left_is_closed() -> None:
    """Within an event loop too, which would close it later."""

    class Endless(httpx.SyncByteStream):
        is_closed = False

        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"event: state\ndata: {}\n\n"

        def close(self) -> None:
            self.is_closed = True

    stream = Endless()
    for event in Server(httpx.Response(200, stream=stream)).client().events(7):
        assert event.name == "state"
        break
    assert stream.is_closed


def test_each_client_shows_what_its_methods_return() -> None:
    assert inspect.signature(Client.list).return_annotation == Iterator[Submission]
    assert inspect.signature(AsyncClient.list).return_annotation == AsyncIterator[Submission]
    assert [inspect.iscoroutinefunction(kind.get) for kind in (Client, AsyncClient)] == [False, True]
    assert Client.get.__doc__ == AsyncClient.get.__doc__ == "Return a submission."


async def test_the_asynchronous_client_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_time(seconds: float) -> None:
        pauses.append(seconds)

    pauses: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", no_time)
    server = Server(
        problem(503, **{"Retry-After": "2"}),
        ok(SUBMISSION | {"state": "running"}, 201),
        ok(),
        stream("id: 1.3\nevent: finished\ndata: {}\n\n"),
        ok({"items": [SUBMISSION], "next": None}),
    )
    transport = httpx.MockTransport(server)
    async with AsyncClient("http://server.example", transport=transport) as client:
        assert (await client.run(language="py", source="print(1)")).passed
        assert [event.name async for event in client.events(7)] == ["finished"]
        assert [one.id async for one in client.list()] == [7]
    assert pauses == [2]


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_the_environment_names_the_server(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECIEUX_URL", "http://there.example/")
    monkeypatch.setenv("PRECIEUX_API_KEY", "pcx_there")
    client = make()
    assert client._settings.url == "http://there.example"
    assert client._http.headers["Authorization"] == "Bearer pcx_there"


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("url", ["server.example", "localhost:8000", "ftp://server.example", "http://", "http://[::"])
def test_an_address_without_a_server_is_refused(make: Callable[..., Any], url: str) -> None:
    with pytest.raises(PrecieuxError, match="is no address of a server"):
        make(url)


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_key_from_a_file_is_a_key(make: Callable[..., Any]) -> None:
    assert make("http://server.example", "pcx_key\n")._http.headers["Authorization"] == "Bearer pcx_key"
    with pytest.raises(PrecieuxError, match="characters that no key has"):
        make("http://server.example", "pcx_\nkey")


@pytest.mark.parametrize("key", ["a\nb", "é"])
def test_an_idempotency_key_that_cannot_be_sent_is_refused(key: str, slept: list[float]) -> None:
    with pytest.raises(PrecieuxError, match="printable ASCII"):
        Server(ok()).client().submit(language="py", source="print(1)", idempotency_key=key)
    assert not slept


def test_what_the_server_refuses_is_sent() -> None:
    server = Server(ok())
    server.client().submit(language="py", source="\ud800", limits=Limits(cpu_s=float("nan")))
    server.client().submit(language="py", source="é")
    assert [request.content for request in server.requests] == [
        b'{"language": "py", "source": "\\ud800", "limits": {"cpu_s": NaN}}',
        '{"language":"py","source":"é"}'.encode(),
    ]
    assert {request.headers["Content-Type"] for request in server.requests} == {"application/json"}


def test_a_redirect_names_the_new_address() -> None:
    moved = httpx.Response(301, headers={"Location": "https://server.example/v1/limits"})
    with pytest.raises(APIError, match=r"redirects to https://server\.example/v1/limits; give the client"):
        Server(moved).client().limits()


def test_an_older_server_names_no_libraries() -> None:
    language = {
        "code": "py", "name": "Python", "aliases": [], "version": "3.13", "variants": [], "extensions": [".py"],
        "compiled": False, "compiler_args": [], "sample": None, "limits": None,
    }  # fmt: skip
    newer = {**language, "libraries": [{"name": "numpy", "version": "2.5.5"}]}
    server = Server(httpx.Response(200, json=language), httpx.Response(200, json=newer))
    client = server.client()
    assert client.language("py").libraries == ()
    assert [one.name for one in client.language("py").libraries] == ["numpy"]


def test_artifacts_are_listed_and_read() -> None:
    one: dict[str, Any] = {"name": "a b.png", "bytes": 3, "media_type": "image/png", "url": "u"}
    run = {**RUN, "artifacts": [one], "artifacts_left_out": {"too_large": 1}}
    server = Server(ok({**SUBMISSION, "run": run}), httpx.Response(200, content=b"\xffab"))
    client = server.client()
    found = client.get(7).run
    assert found is not None
    assert found.artifacts == (Artifact(**one),)
    assert found.artifacts_left_out == {"too_large": 1}
    assert client.artifact(7, "a b.png", run=2) == b"\xffab"
    assert str(server.requests[1].url) == "http://server.example/v1/submissions/7/artifacts/a%20b.png?run=2"
