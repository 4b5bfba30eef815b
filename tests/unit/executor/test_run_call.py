"""`POST /run` of the executor's HTTP server, with a fake pipeline."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from executor.app import _Endpoint, create_app
from executor.catalogue.installed import Installed
from executor.languages import known
from executor.pipeline import results
from executor.pipeline.in_order import SpareSlot
from executor.pipeline.plan import plan_program
from executor.pipeline.run import FindLanguage, Pipeline
from executor.sandbox.base import SandboxFailure
from executor.settings import ExecutorSettings
from executor.slots import Full, Runs, Slots
from executor.wire import BadRequest
from shared.engine.codex import LanguageList
from shared.engine.run_call import ProgramRequest, Started, TestEnded, parse_event
from tests.factories import ended_test

_INSTALLED = {
    "py": Installed(known()["py"], {"python": "/usr/bin/python3"}, "Python 3"),
    "c": Installed(known()["c"], {"gcc": "/usr/bin/gcc", "gold": "", "named_folders": ""}, "gcc 12"),
}
_SETTINGS = ExecutorSettings(
    max_source_bytes=1000, max_input_bytes=100, max_checker_bytes=2000, max_judged_output_bytes=8 << 20
)
_REQUEST: dict[str, Any] = {"language": "python", "files": [{"path": "main.py", "content": "pass"}]}


class _Pipeline:
    """Every test ends when `may_end` is set. Before the test `fails_at`, the sandbox fails."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.may_end = asyncio.Event()
        self.fails_at = fails_at
        self.running = asyncio.Event()
        self.cancelled = False

    async def run_tests(
        self,
        request: ProgramRequest,
        installed: Installed,
        spare_slot: SpareSlot,
        find_language: FindLanguage,
        on_output: object = None,
    ) -> AsyncGenerator[Started | TestEnded]:
        yield results.started(plan_program(request, installed, _SETTINGS))
        for number in range(1, len(request.tests) + 1):
            self.running.set()
            if number == self.fails_at:
                raise SandboxFailure("a secret of the host")
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            yield ended_test(number)


class _Client:
    """One `POST /run` without a server in between. The client disconnects when `leaves` is set."""

    def __init__(self, pipeline: _Pipeline, slots: Slots, **fields: Any) -> None:
        self._app = create_app(_SETTINGS, cast(Pipeline, pipeline), slots, _INSTALLED)
        self._body = [json.dumps({**_REQUEST, **fields}).encode()]
        self.leaves = asyncio.Event()
        self.messages: list[Message] = []

    async def post(self) -> None:
        fields = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "POST", "path": "/run", "headers": fields, "client": ("127.0.0.1", 1)}
        await asyncio.wait_for(self._app(scope, self._receive, self._send), 30)

    @property
    def events(self) -> list[str]:
        lines = b"".join(message.get("body", b"") for message in self.messages).splitlines()
        return [parse_event(line).event for line in lines]

    async def _receive(self) -> Message:
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.messages.append(message)


def _http(pipeline: _Pipeline, settings: ExecutorSettings = _SETTINGS) -> httpx.AsyncClient:
    pipeline.may_end.set()
    app = create_app(settings, cast(Pipeline, pipeline), Slots(1, 1), _INSTALLED)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8100")


async def _until_running(client: _Client, pipeline: _Pipeline) -> "asyncio.Task[None]":
    posting = asyncio.create_task(client.post())
    await asyncio.wait_for(pipeline.running.wait(), 30)
    return posting


def test_a_variant_is_that_of_its_language_as_it_is_now() -> None:
    """Languages get a fault, lose it, and may be found later than at the start."""
    installed: dict[str, Installed] = {}
    endpoint = _Endpoint(_SETTINGS, cast(Pipeline, _Pipeline()), Slots(1, 1), installed, Runs())
    with pytest.raises(BadRequest, match="Unknown language 'c17'"):
        endpoint._find("c17")
    for fault in (None, "gcc is broken", None):
        installed["c"] = replace(_INSTALLED["c"], info="gcc 12.2.0", fault=fault)
        found = endpoint._find("c17")
        assert (found.code, found.fault) == ("c17", fault)


async def test_each_event_is_a_line_that_is_sent_at_once() -> None:
    pipeline = _Pipeline()
    client = _Client(pipeline, Slots(1, 1), tests=[{}, {}])
    posting = await _until_running(client, pipeline)
    assert client.events == ["started"]
    pipeline.may_end.set()
    await posting
    assert client.events == ["started", "test", "test", "finished"]
    head, *bodies = client.messages
    assert (head["status"], dict(head["headers"])[b"content-type"]) == (200, b"application/x-ndjson")
    assert [body["body"].count(b"\n") for body in bodies] == [1, 1, 1, 1, 0]


async def test_a_run_is_logged_when_it_has_ended() -> None:
    with capture_logs() as logged:
        async with _http(_Pipeline()) as client:
            await client.post("/run", json=_REQUEST)
    assert [line["language"] for line in logged if line["event"] == "run.ended"] == ["py"]


async def test_the_first_event_has_the_commands() -> None:
    files = [{"path": "src/main.c", "content": "x"}, {"path": "a.c", "content": "x"}]
    async with _http(_Pipeline()) as client:
        answer = await client.post("/run", json={"language": "c", "files": files, "compiler_args": ["-DX=a b"]})
        listed = (await client.get("/list")).json()
    started = json.loads(answer.text.splitlines()[0])
    assert started.pop("instance") == listed["instance"] != ""
    assert started == {
        "event": "started", "language": "c", "info": "gcc 12", "run": "/box/work/main",
        "compile": "/usr/bin/gcc -pipe -fno-canonical-system-headers '-DX=a b' -iquote. -o main src/main.c a.c -lm",
    }  # fmt: skip


async def test_the_slot_is_held_until_the_last_event() -> None:
    pipeline, slots = _Pipeline(), Slots(1, 0, express=0)
    client = _Client(pipeline, slots)
    posting = await _until_running(client, pipeline)
    with pytest.raises(Full):
        slots.check()
    pipeline.may_end.set()
    await posting
    slots.check()


async def test_a_client_that_hangs_up_ends_its_program() -> None:
    pipeline, slots = _Pipeline(), Slots(1, 0, express=0)
    client = _Client(pipeline, slots, tests=[{}, {}])
    posting = await _until_running(client, pipeline)
    client.leaves.set()
    await posting
    assert pipeline.cancelled
    assert client.events == ["started"]
    slots.check()


async def test_a_client_that_hangs_up_leaves_the_queue() -> None:
    pipeline, slots = _Pipeline(), Slots(1, 1, express=0)
    client = _Client(pipeline, slots)
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
    pipeline, slots = _Pipeline(fails_at=2), Slots(1, 0)
    pipeline.may_end.set()
    client = _Client(pipeline, slots, tests=[{}, {}, {}])
    await client.post()
    assert client.events == ["started", "test", "failed"]
    assert b"secret" not in b"".join(message.get("body", b"") for message in client.messages)
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
    pipeline = _Pipeline()
    async with _http(pipeline) as client:
        content = body if isinstance(body, bytes) else json.dumps(body)
        answer = await client.post("/run", content=content)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert sentence in answer.json()["error"]
    assert not pipeline.running.is_set()


async def test_a_body_of_many_fields_is_refused() -> None:
    async with _http(_Pipeline(), ExecutorSettings()) as client:
        answer = await client.post("/run", content=b'{"tests": [' + b"[]," * 100_000)
        assert (answer.status_code, answer.json()["error"]) == (400, "The body has too many fields.")
        many = [{"stdin": "", "args": ["x"] * 256, "expected_output": None, "limits": {"cpu_s": 1}}] * 100
        assert (await client.post("/run", json={**_REQUEST, "tests": many})).status_code == 200


async def test_limits_up_to_the_maximum_are_accepted() -> None:
    limits = {"cpu_s": 60, "wall_s": 300, "memory_bytes": 2048 << 20, "output_bytes": 1 << 20, "processes": 256}
    async with _http(_Pipeline()) as client:
        answer = await client.post("/run", json={**_REQUEST, "limits": limits, "tests": [{"limits": limits}] * 100})
    assert answer.text.splitlines()[-1] == '{"event":"finished"}'


async def test_the_list_says_what_the_call_offers() -> None:
    async with _http(_Pipeline()) as client:
        found = LanguageList.model_validate((await client.get("/list")).json())
    assert found.calls == ["run", "address_space_bytes", "interpreter_args", "fetch", "live_output"]
    python, c = found.supported_languages
    assert (python.extensions, python.compiled, python.compiler_args) == ([".py"], False, [])
    assert (c.extensions, c.compiled) == ([".c"], True)
    assert {"-O2", "-std=*"} <= set(c.compiler_args or ())
    assert python.sample == known()["py"].sample
    assert python.variants == []
    assert python.limits
    assert {name: (bound.default, bound.max) for name, bound in python.limits.items()} == {
        "cpu_s": (10, 60), "wall_s": (30, 300), "memory_bytes": (512 << 20, 2048 << 20),
        "output_bytes": (1 << 20, 1 << 20), "processes": (256, 256),
    }  # fmt: skip
