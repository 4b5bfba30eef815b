"""An executor that is asked to stop lets runs finish within the grace, and says to the others why they end."""

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from executor.__main__ import _serve_until
from executor.runs import GRACE_SECONDS, Runs
from executor.slots import Slots
from shared.common.http.server import listening_socket
from shared.common.supervision.supervisor import Supervisor
from shared.engine_api.event_lines import parse_event
from shared.engine_api.run_call.events import Failed, Finished, Started
from tests.fixtures.executor_app import PlayedPipeline, played_app

ROOT: Final = Path(__file__).parent.parent.parent.parent
_PROGRAM: dict[str, Any] = {"language": "python", "files": [{"path": "main.py", "content": "pass"}]}
_CODEX: dict[str, Any] = {"language": "py", "code": "pass", "input": ""}


class Served:
    def __init__(self, url: str, pipeline: PlayedPipeline, stop: asyncio.Event, serving: "asyncio.Task[None]") -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=30)
        self.pipeline = pipeline
        self.stop = stop
        self.serving = serving

    async def post(self, path: str) -> httpx.Response:
        return await self.client.post(path, json=_PROGRAM if path == "/run" else _CODEX)

    async def under_way(self, path: str) -> "asyncio.Task[httpx.Response]":
        posting = asyncio.create_task(self.post(path))
        await asyncio.wait_for(self.pipeline.running.wait(), 30)
        return posting


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, *, grace: float, slots: int = 2) -> AsyncIterator[Served]:
    """Serve over a real socket until the block has stopped the server."""
    monkeypatch.setattr("executor.__main__.GRACE_SECONDS", grace)
    pipeline, runs, stop = PlayedPipeline(), Runs(), asyncio.Event()
    pipeline.may_end.clear()
    app = played_app(pipeline, Slots(slots, 2), runs=runs)
    with listening_socket("127.0.0.1", 0, setting="none") as listener:
        port = listener.getsockname()[1]
        work = _serve_until(stop, app=app, runs=runs, listener=listener, message_bytes=1000)
        served = Served(f"http://127.0.0.1:{port}", pipeline, stop, asyncio.create_task(work))
        try:
            yield served
            await asyncio.wait_for(served.serving, 30)
        finally:
            stop.set()
            pipeline.may_end.set()
            await served.client.aclose()


@pytest.mark.parametrize("path", ["/", "/run"])
async def test_a_run_finishes_within_the_grace(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async with serving(monkeypatch, grace=30) as served:
        posting = await served.under_way(path)
        served.stop.set()
        while (health := await served.client.get("/healthz")).status_code == 200:
            pass
        assert (health.status_code, health.json()) == (503, {"status": "stopping"})
        refused = await served.post(path)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        served.pipeline.may_end.set()
        answer = await posting
        assert answer.status_code == 200
        if path == "/run":
            assert parse_event(answer.text.splitlines()[-1]) == Finished()


async def test_a_run_that_takes_longer_is_told_that_the_engine_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, grace=0) as served:
        posting = await served.under_way("/run")
        served.stop.set()
        first, last = map(parse_event, (await posting).text.splitlines())
    assert isinstance(first, Started)
    assert isinstance(last, Failed)
    assert last.stopping


@pytest.mark.parametrize(("path", "slots"), [("/", 2), ("/", 1), ("/run", 1)])
async def test_a_run_without_an_event_is_answered_with_503(
    monkeypatch: pytest.MonkeyPatch, path: str, slots: int
) -> None:
    """It is a call of CodeX, or waits for the only slot."""
    async with serving(monkeypatch, grace=0, slots=slots) as served:
        posting = [await served.under_way("/run")]
        posting.append(asyncio.create_task(served.post(path)))
        if slots == 2:
            served.pipeline.running.clear()
            await asyncio.wait_for(served.pipeline.running.wait(), 30)
        else:
            # The one that waits has been read when another is answered after it.
            while "error" not in (await served.client.post("/run", json={})).text:
                pass
        served.stop.set()
        answer = await posting[1]
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "stops" in json.loads(answer.text)["error"]


async def test_a_stop_without_runs_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, grace=3600) as served:
        assert (await served.client.get("/healthz")).status_code == 200
        served.stop.set()


def test_every_deployment_grants_the_grace() -> None:
    """And five seconds more. What is granted is the whole time until SIGKILL."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["executor"]["stop_grace_period"]
    pod = next(yaml.safe_load_all((ROOT / "deploy/kubernetes/executor/executor.yaml").read_text()))["spec"]["template"]
    [container] = pod["spec"]["containers"]
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    units = [
        int(found)
        for unit in (ROOT / "deploy/systemd").rglob("precieux-executor.service")
        for found in re.findall("^TimeoutStopSec=([0-9]+)$", unit.read_text(), re.MULTILINE)
    ]
    granted = [
        int(compose.removesuffix("s")),
        pod["spec"]["terminationGracePeriodSeconds"] - sleep,
        *units,
        inspect.signature(Supervisor).parameters["grace"].default,
    ]
    assert len(units) == 2
    assert min(granted) == GRACE_SECONDS + 5
