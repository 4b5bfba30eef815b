import json
import os
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from shared.adapters.engine import codex_client
from shared.adapters.engine.codex_client import CodexClient
from shared.adapters.engine.settings import EngineSettings
from shared.common.service.errors import EngineAway, EngineRefused, EngineUnavailable
from shared.engine_api.codex import RunResponse, SupportedLanguage, Verdict
from tests.fixtures.answered_session import answered_session

GOOD = {"timeStamp": 1672439982964, "status": 200, "output": "12\n", "error": "", "language": "py", "info": "Python 3"}


async def run(
    handler: Callable[[httpx.Request], httpx.Response],
    *,
    token: str | None = None,
    max_output: int = 1024,
    code: str = "print(12)",
    filename: str | None = None,
) -> RunResponse:
    settings = EngineSettings(
        codex_url="http://engine", codex_token=SecretStr(token) if token else None, max_output_bytes=max_output
    )
    client = CodexClient(settings, answered_session(handler))
    try:
        return await client.run(code=code, language="py", inputs="in", share="key-7", filename=filename)
    finally:
        await client.close()


async def test_the_request_equals_the_originals() -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=GOOD)

    answer = await run(handler, token="t0ken")
    assert json.loads(requests[0].content) == {"code": "print(12)", "language": "py", "input": "in", "inputs": "in"}
    assert requests[0].headers["Content-Type"] == "application/json"
    assert requests[0].headers["Authorization"] == "Bearer t0ken"
    assert requests[0].headers["Precieux-Share"] == "key-7"
    assert (answer.output, answer.verdict) == ("12\n", None)
    await run(handler, code="é\u2028😀\x01", filename="crash.py")
    body = json.loads(requests[1].content)
    assert (body["filename"], body["code"]) == ("crash.py", "é\u2028😀\x01")


async def test_longer_output_than_our_engine_sends_is_cut() -> None:
    long = {
        **GOOD,
        "output": "o" * 1025,
        "error": "e" * 1025,
        "info": "i" * 2000,
        "language": "l" * 2000,
        "compile": "c" * 2000,
        "run": "r" * 2000,
    }
    answer = await run(lambda _: httpx.Response(200, json=long))
    assert (len(answer.output), len(answer.error), answer.truncated) == (1024, 1024, True)
    assert (len(answer.info), len(answer.language)) == (1000, 1000)
    assert (len(answer.compile or ""), len(answer.run or "")) == (1000, 1000)
    assert (await run(lambda _: httpx.Response(200, json={**GOOD, "output": "o" * 1024}))).truncated is None


async def test_a_timeout_of_another_engine_is_a_verdict() -> None:
    answer = await run(lambda _: httpx.Response(408, json={**GOOD, "status": 408, "error": "too long"}))
    assert answer.verdict is Verdict.TIME_LIMIT


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_of_the_engine_is_final_and_has_a_reason(status: int) -> None:
    with pytest.raises(EngineRefused, match="no such language"):
        await run(lambda _: httpx.Response(status, json={**GOOD, "status": status, "error": "no such language"}))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 429, 500, 502, 503])
async def test_only_500_says_that_the_engine_failed_with_this_program(status: int) -> None:
    with pytest.raises(EngineUnavailable) as raised:
        await run(lambda _: httpx.Response(status))
    assert isinstance(raised.value, EngineAway) == (status != 500)


@pytest.mark.parametrize(
    ("wish", "seconds"), [("7", 7), ("nan", None), ("-5", None), ("1000000000", 300), ("soon", None)]
)
async def test_a_full_engine_chooses_a_sensible_delay(wish: str, seconds: float | None) -> None:
    with pytest.raises(EngineUnavailable) as raised:
        await run(lambda _: httpx.Response(503, headers={"Retry-After": wish}))
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<html>", b"[]", b"null", b'"x"', b'{"status": 200}', b'{"timeStamp": 1, "status": "x"}', b"[" * 100_000,
        # It would take 230 MiB.
        b'{"timeStamp": 1, "status": 200, "x": [%s0]}' % (b'{"":0},' * 1_000_000),
    ],
)  # fmt: skip
async def test_an_invalid_answer_is_a_failure_of_the_engine(content: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="does not follow the CodeX protocol"):
        await run(lambda _: httpx.Response(200, content=content), max_output=1 << 20)


async def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(EngineUnavailable, match="longer"):
        await run(lambda _: httpx.Response(200, content=b"x" * 200_000))


async def test_an_internal_error_is_tried_again() -> None:
    with pytest.raises(EngineUnavailable):
        await run(lambda _: httpx.Response(200, json={**GOOD, "verdict": "internal_error"}))


async def test_half_a_surrogate_pair_becomes_storable_text() -> None:
    answer = await run(lambda _: httpx.Response(200, content=json.dumps({**GOOD, "output": "a\ud800b"}).encode()))
    assert answer.output == "a?b"


async def languages(answer: httpx.Response) -> list[SupportedLanguage]:
    requests: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(f"{request.method} {request.url.path}")
        return answer

    client = CodexClient(EngineSettings(codex_url="http://engine"), answered_session(handler))
    try:
        return await client.languages()
    finally:
        await client.close()
        assert requests == ["GET /list"]


async def test_the_engines_languages_are_those_of_its_list() -> None:
    listing = {"timeStamp": 1, "status": 200, "supportedLanguages": [{"language": "py", "info": "Python 3.13"}]}
    assert await languages(httpx.Response(200, json=listing)) == [SupportedLanguage(language="py", info="Python 3.13")]


@pytest.mark.parametrize(
    "answer", [httpx.Response(404), httpx.Response(200, content=b"<html>"), httpx.Response(200, json=[])]
)
async def test_an_engine_without_a_list_has_unknown_languages(answer: httpx.Response) -> None:
    with pytest.raises(EngineUnavailable):
        await languages(answer)


@pytest.mark.parametrize(("proxy", "is_used"), [(None, False), ("http://127.0.0.1:9", True)])
async def test_the_environment_is_read_only_for_a_proxy(
    monkeypatch: pytest.MonkeyPatch, proxy: str | None, is_used: bool
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    async with codex_client._session("") as session:
        assert session.trust_env is is_used
