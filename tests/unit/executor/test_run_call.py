"""`POST /run` of the executor's HTTP server, with a fake pipeline."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from executor.catalogue.installed import Installed
from executor.languages import known
from executor.request_checks import RequestChecks
from executor.settings import ExecutorSettings
from executor.slots import Full, Slots
from executor.wire import BadRequest
from shared.engine_api.codex import RunRequest
from shared.engine_api.event_lines import parse_event
from tests.fixtures.executor_app import PYTHON, PlayedPipeline, Posting, http_client, played_app

_INSTALLED = {
    **PYTHON,
    "c": Installed(known()["c"], {"gcc": "/usr/bin/gcc", "gold": "", "named_folders": ""}, "gcc 12"),
}
_SETTINGS = ExecutorSettings(
    max_source_bytes=1000, max_input_bytes=100, max_checker_bytes=2000, max_judged_output_bytes=8 << 20
)
_REQUEST: dict[str, Any] = {"language": "python", "files": [{"path": "main.py", "content": "pass"}]}


def _posting(pipeline: PlayedPipeline, slots: Slots | None = None, **fields: Any) -> Posting:
    body = json.dumps({**_REQUEST, **fields}).encode()
    return Posting(played_app(pipeline, slots, _SETTINGS, _INSTALLED), "/run", body)


def _http(pipeline: PlayedPipeline, settings: ExecutorSettings = _SETTINGS) -> httpx.AsyncClient:
    return http_client(played_app(pipeline, settings=settings, installed=_INSTALLED))


def _events(posting: Posting) -> list[str]:
    return [parse_event(line).event for line in posting.received.splitlines()]


async def _until_running(client: Posting, pipeline: PlayedPipeline) -> "asyncio.Task[None]":
    pipeline.may_end.clear()
    posting = asyncio.create_task(client.post())
    await asyncio.wait_for(pipeline.running.wait(), 30)
    return posting


def test_a_variant_is_that_of_its_language_as_it_is_now() -> None:
    """Languages get a fault, lose it, and may be found later than at the start."""
    installed: dict[str, Installed] = {}
    checks = RequestChecks(_SETTINGS, installed, has_tester=False)
    request = RunRequest(language="c17", code="int main() {}")
    with pytest.raises(BadRequest, match="Unknown language 'c17'"):
        checks.run_request(request)
    for fault in (None, "gcc is broken", None):
        installed["c"] = replace(_INSTALLED["c"], info="gcc 12.2.0", fault=fault)
        found = checks.run_request(request)
        assert (found.code, found.fault) == ("c17", fault)


async def test_a_run_is_logged_when_it_has_ended() -> None:
    with capture_logs() as logged:
        async with _http(PlayedPipeline()) as client:
            await client.post("/run", json=_REQUEST)
    assert [line["language"] for line in logged if line["event"] == "run.ended"] == ["py"]


async def test_the_slot_is_held_until_the_last_event() -> None:
    pipeline, slots = PlayedPipeline(), Slots(1, 0, express=0)
    client = _posting(pipeline, slots)
    posting = await _until_running(client, pipeline)
    with pytest.raises(Full):
        slots.check()
    pipeline.may_end.set()
    await posting
    slots.check()


async def test_a_client_that_hangs_up_leaves_the_queue() -> None:
    pipeline, slots = PlayedPipeline(), Slots(1, 1, express=0)
    client = _posting(pipeline, slots)
    async with slots.take():
        posting = asyncio.create_task(client.post())
        while True:
            await asyncio.sleep(0)
            with suppress(Full):
                slots.check()
                continue
            break
        client.leaves.set()
        await posting
        slots.check()
    assert not pipeline.running.is_set()


async def test_a_failed_sandbox_is_the_last_event() -> None:
    pipeline, slots = PlayedPipeline(fails_at=2), Slots(1, 0)
    client = _posting(pipeline, slots, tests=[{}, {}, {}])
    await client.post()
    assert _events(client) == ["started", "test", "failed"]
    assert b"secret" not in client.received
    slots.check()


_C = {"language": "c", "files": [{"path": "main.c", "content": "x"}]}


def _judged(**fields: Any) -> dict[str, Any]:
    return {**_REQUEST, "checker": {"kind": "program", "program": {**_C, **fields}}}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"{", 400, "not valid JSON"),
        (b"\xff", 400, "not valid JSON"),
        (b'"\\ud800"', 400, "not valid JSON"),
        (b"[]", 422, "The request is wrong"),
        ({**_REQUEST, "files": [{"path": "../x", "content": "x"}]}, 422, "`files.0.path` is wrong: The path has"),
        ({**_REQUEST, "language": "klingon"}, 400, "must be one of: py, c"),
        ({**_REQUEST, "compiler_args": ["-O2"]}, 422, "Python allows: none"),
        ({**_C, "compiler_args": ["-O2", "-Wl,-z"]}, 422, "may not have '-Wl,-z'; C allows: -std=* "),
        ({**_C, "compiler_args": ["-fplugin=x"]}, 422, "'-fplugin=x'"),
        ({**_C, "interpreter_args": ["-u"]}, 422, "`interpreter_args` are not for C"),
        ({**_C, "files": [{"path": "@x", "content": "x"}], "compiler_args": ["@x"]}, 422, "'@x'"),
        ({**_REQUEST, "limits": {"cpu_s": 61}}, 422, "`cpu_s` may be at most 60."),
        ({**_REQUEST, "limits": {"memory_bytes": 1 << 40}}, 422, "`memory_bytes` may be at most 2147483648."),
        ({**_REQUEST, "tests": [{}, {"limits": {"wall_s": 1e9}}]}, 422, "`wall_s` may be at most 300."),
        ({**_REQUEST, "limits": {"output_bytes": 1 << 30}}, 422, "`output_bytes` may be at most 1048576."),
        ({**_REQUEST, "limits": {"processes": 257}}, 422, "`processes` may be at most 256."),
        (_judged(compiler_args=["-fplugin=x"]), 422, "'-fplugin=x'"),
        (_judged(limits={"cpu_s": 61}), 422, "`cpu_s` may be at most 60."),
        (_judged(limits={"output_bytes": (8 << 20) + 1}), 422, "`output_bytes` may be at most 8388608."),
        (_judged(files=[{"path": "c.c", "content": "x" * 2001}]), 413, "`files` is over 2000"),
        (_judged(files=[]), 422, "`checker.program.files` is wrong"),
        ({**_REQUEST, "interactor": {**_C, "compiler_args": ["-fplugin=x"]}}, 422, "'-fplugin=x'"),
        ({**_REQUEST, "tests": [{"stdin": "x" * 101}]}, 413, "`stdin` is over 100 bytes"),
        ({**_REQUEST, "files": [{"path": name, "content": "é" * 300} for name in "ab"]}, 413, "`files` is over 1000"),
    ],
)  # fmt: skip
async def test_a_bad_request_is_refused_before_it_starts(body: Any, status: int, sentence: str) -> None:
    pipeline = PlayedPipeline()
    async with _http(pipeline) as client:
        content = body if isinstance(body, bytes) else json.dumps(body)
        answer = await client.post("/run", content=content)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert sentence in answer.json()["error"]
    assert not pipeline.running.is_set()


async def test_a_body_of_many_fields_is_refused() -> None:
    async with _http(PlayedPipeline(), ExecutorSettings()) as client:
        answer = await client.post("/run", content=b'{"tests": [' + b"[]," * 100_000)
        assert (answer.status_code, answer.json()["error"]) == (400, "The body has too many fields.")
        many = [{"stdin": "", "args": ["x"] * 256, "expected_output": None, "limits": {"cpu_s": 1}}] * 100
        assert (await client.post("/run", json={**_REQUEST, "tests": many})).status_code == 200


async def test_limits_up_to_the_maximum_are_accepted() -> None:
    limits = {"cpu_s": 60, "wall_s": 300, "memory_bytes": 2048 << 20, "output_bytes": 1 << 20, "processes": 256}
    async with _http(PlayedPipeline()) as client:
        answer = await client.post("/run", json={**_REQUEST, "limits": limits, "tests": [{"limits": limits}] * 100})
    assert answer.text.splitlines()[-1] == '{"event":"finished"}'
