import json
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from job_runner.codex_client import CodexClient
from job_runner.settings import EngineSettings
from shared.codex import RunResponse, Verdict
from shared.errors import EngineRefused, EngineUnavailable

GOOD = {"timeStamp": 1672439982964, "status": 200, "output": "12\n", "error": "", "language": "py", "info": "Python 3"}


async def run(
    handler: Callable[[httpx.Request], httpx.Response], *, token: str | None = None, max_output: int = 1024
) -> RunResponse:
    settings = EngineSettings(
        codex_url="http://engine", codex_token=SecretStr(token) if token else None, max_output_bytes=max_output
    )
    client = CodexClient(settings, httpx.MockTransport(handler))
    try:
        return await client.run(code="print(12)", language="py", inputs="in")
    finally:
        await client.close()


async def test_it_sends_what_the_codex_api_reads_and_the_original_sent() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=GOOD)

    answer = await run(handler, token="t0ken")
    assert json.loads(seen[0].content) == {"code": "print(12)", "language": "py", "input": "in", "inputs": "in"}
    assert seen[0].headers["Authorization"] == "Bearer t0ken"
    assert (answer.output, answer.verdict) == ("12\n", None)


async def test_another_engines_time_out_is_a_verdict() -> None:
    answer = await run(lambda _: httpx.Response(408, json={**GOOD, "status": 408, "error": "too long"}))
    assert answer.verdict is Verdict.TIME_LIMIT


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_the_engine_refuses_is_final_and_says_why(status: int) -> None:
    with pytest.raises(EngineRefused, match="no such language"):
        await run(lambda _: httpx.Response(status, json={**GOOD, "status": status, "error": "no such language"}))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 502, 503])
async def test_the_engines_trouble_is_worth_another_try(status: int) -> None:
    with pytest.raises(EngineUnavailable):
        await run(lambda _: httpx.Response(status))


async def test_a_full_engines_wish_is_heard() -> None:
    with pytest.raises(EngineUnavailable) as raised:
        await run(lambda _: httpx.Response(503, headers={"Retry-After": "7"}))
    assert raised.value.retry_after == 7


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"null", b'"x"', b'{"status": 200}', b'{"timeStamp": 1, "status": "x"}', b"[" * 100_000],
)
async def test_nonsense_is_the_engines_trouble(content: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="not the CodeX protocol"):
        await run(lambda _: httpx.Response(200, content=content), max_output=1 << 20)


async def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(EngineUnavailable, match="longer"):
        await run(lambda _: httpx.Response(200, content=b"x" * 200_000))


async def test_an_internal_error_is_ours_to_retry() -> None:
    with pytest.raises(EngineUnavailable):
        await run(lambda _: httpx.Response(200, json={**GOOD, "verdict": "internal_error"}))


async def test_half_a_surrogate_pair_becomes_text_that_can_be_kept() -> None:
    answer = await run(lambda _: httpx.Response(200, content=json.dumps({**GOOD, "output": "a\ud800b"}).encode()))
    assert answer.output == "a?b"


async def test_a_lost_connection_is_worth_another_try() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    with pytest.raises(EngineUnavailable):
        await run(handler)
