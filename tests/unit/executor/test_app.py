"""The executor's HTTP server, with a fake pipeline."""

import asyncio
import json
import tracemalloc
from collections.abc import Mapping

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from executor.settings import ExecutorSettings
from executor.slots import Full, Slots
from shared.common.http.bodies import FREE_BYTES
from tests.fixtures.executor_app import PlayedPipeline, Posting, http_client, played_app

_PROGRAM = json.dumps({"language": "py", "code": "pass"}).encode()


def _http(settings: ExecutorSettings, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    return http_client(played_app(PlayedPipeline(), settings=settings), peer)


def _posting(slots: Slots, body: bytes | None = _PROGRAM, output: str = "") -> Posting:
    return Posting(played_app(PlayedPipeline(output), slots), "/", body)


async def test_a_run_is_logged() -> None:
    with capture_logs() as logged:
        async with _http(ExecutorSettings()) as client:
            await client.post("/", content=_PROGRAM)
    assert [(line["event"], line["language"], line["verdict"]) for line in logged] == [("run.ended", "py", "ok")]


_STRANGERS: list[dict[str, str]] = [
    {"Host": "attacker.example:8100"},
    {"Host": "localhost.attacker.example"},
    {"Host": "localhost@attacker.example"},
    {"Host": "x@localhost"},
    {"Host": "0.0.0.0:8100"},
    {"Host": ""},
    {"Origin": "https://attacker.example"},
    {"Origin": "http://localhost.attacker.example"},
    {"Origin": "http://localhost@attacker.example"},
    {"Origin": "http://attacker.example/localhost"},
    {"Origin": "null"},
    {"Forwarded": "for=192.0.2.1"},
    {"Via": "1.1 proxy"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
]


@pytest.mark.parametrize("fields", _STRANGERS, ids=str)
async def test_strangers_are_refused_without_a_token(fields: Mapping[str, str]) -> None:
    async with _http(ExecutorSettings()) as client:
        for path in ("/", "/run", "/list"):
            answer = await client.request("GET" if path == "/list" else "POST", path, headers=fields, content=_PROGRAM)
            assert (answer.status_code, answer.json()["status"]) == (403, 403)
            assert "PRECIEUX_CODEX_TOKEN" in answer.json()["error"]


async def test_without_a_token_a_remote_peer_is_refused() -> None:
    async with _http(ExecutorSettings(), "192.0.2.1") as client:
        assert (await client.get("/list")).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Host": "127.0.0.1:8100"},
        {"Host": "[::1]:8100"},
        {"Host": "LOCALHOST"},
        {"Origin": "http://localhost:3000"},
    ],
    ids=str,
)
async def test_without_a_token_this_machine_is_served(fields: Mapping[str, str]) -> None:
    async with _http(ExecutorSettings()) as client:
        assert (await client.post("/", headers=fields, content=_PROGRAM)).json()["verdict"] == "ok"


@pytest.mark.parametrize("fields", _STRANGERS, ids=str)
async def test_with_a_token_only_the_token_counts(fields: Mapping[str, str]) -> None:
    async with _http(ExecutorSettings(codex_token=SecretStr("t")), "192.0.2.1") as client:
        assert (await client.get("/list", headers=fields)).status_code == 401
        assert (await client.get("/list", headers={**fields, "Authorization": "Bearer t"})).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer \xff", "Basic t", "Bearer tt", "bearer" + " t" * 1000])
async def test_wrong_tokens_are_refused(header: str) -> None:
    async with _http(ExecutorSettings(codex_token=SecretStr("t"))) as client:
        headers = [(b"Authorization", header.encode("latin-1"))]
        assert (await client.get("/list", headers=headers)).status_code == 401
        for path in ("/", "/run"):
            assert (await client.post(path, headers=headers, content=_PROGRAM)).status_code == 401
        assert (await client.get("/healthz", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("", None),
        ("https://school.example", None),
        ("https://x.example, https://page.example", "https://page.example"),
        ("*", "*"),
    ],
)
@pytest.mark.parametrize("token", [None, SecretStr("t")], ids=["no token", "token"])
async def test_web_pages_may_call_only_if_a_setting_allows_it(
    setting: str, allowed: str | None, token: SecretStr | None
) -> None:
    settings = ExecutorSettings(executor_cors_origins=setting, codex_token=token)
    headers = {"Origin": "https://page.example", "Authorization": "Bearer t"}
    async with _http(settings) as client:
        answer = await client.post("/", headers=headers, content=_PROGRAM)
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert answer.status_code == (200 if allowed or token else 403)
        preflight = await client.options("/", headers={**headers, "Access-Control-Request-Method": "POST"})
        assert preflight.headers.get("access-control-allow-origin") == allowed


async def test_a_full_executor_does_not_read_the_body() -> None:
    slots = Slots(1, 0)
    async with slots.take():
        client = _posting(slots, body=None)
        await client.post()
    assert client.messages[0]["status"] == 503


async def test_a_large_answer_keeps_its_slot_until_it_is_sent() -> None:
    slots = Slots(1, 0)
    client = _posting(slots, output="\x01" * FREE_BYTES)
    client.may_take.clear()
    posting = asyncio.create_task(client.post())
    await client.sending.wait()
    with pytest.raises(Full):
        slots.check()
    client.may_take.set()
    await posting
    slots.check()
    assert json.loads(client.received)["output"] == "\x01" * FREE_BYTES


@pytest.mark.parametrize("piece", [0, 1, FREE_BYTES - 200, FREE_BYTES, 3 * FREE_BYTES + 5])
async def test_answers_of_every_size_arrive_complete(piece: int) -> None:
    client = _posting(Slots(1, 0), output="x" * piece)
    await client.post()
    assert json.loads(client.received)["output"] == "x" * piece


async def test_a_small_answer_keeps_no_slot() -> None:
    slots = Slots(1, 0)
    client = _posting(slots)
    client.may_take.clear()
    posting = asyncio.create_task(client.post())
    await client.sending.wait()
    slots.check()
    client.may_take.set()
    await posting


async def test_a_client_that_disconnects_frees_its_slot() -> None:
    slots = Slots(1, 0)
    client = _posting(slots, output="\x01" * FREE_BYTES)
    client.may_take.clear()
    posting = asyncio.create_task(client.post())
    await client.sending.wait()
    posting.cancel()
    await asyncio.gather(posting, return_exceptions=True)
    slots.check()


async def test_the_largest_escaped_source_and_input_are_accepted() -> None:
    settings = ExecutorSettings(max_source_bytes=100_000, max_input_bytes=100_000)
    inputs = "\x01" * settings.max_input_bytes
    program = {"language": "py", "code": "\x01" * settings.max_source_bytes, "input": inputs, "inputs": inputs}
    async with _http(settings) as client:
        assert (await client.post("/", json=program)).status_code == 200
        program["code"] += "\x01"
        assert (await client.post("/", json=program)).status_code == 413


async def test_a_body_of_many_fields_is_refused_before_it_is_parsed() -> None:
    async with _http(ExecutorSettings()) as client:
        for body in (b'{"x": [' + b"[]," * 1_000_000, b'{"x": "\\"", "y": [' + b'"",' * 1_000_000):
            tracemalloc.start()
            answer = await client.post("/", content=body)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert (answer.status_code, answer.json()["error"]) == (400, "The body has too many fields.")
            assert peak < 4 * len(body)
