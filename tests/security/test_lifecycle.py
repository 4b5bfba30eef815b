"""A killed process of the executor leaves nothing, and the service continues if it can."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.processes import pids_below, processes_named
from tests.security.host import SLEEPER, keeper
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.security

_DEADLINE_S = 30


@asynccontextmanager
async def sleeping_program(executor: RunningExecutor, mark: str) -> AsyncIterator["asyncio.Task[httpx.Response]"]:
    """Yield while `executor` runs a program that sleeps; then give its request up."""
    async with httpx.AsyncClient(base_url=executor.url, timeout=60) as client:
        body = {"language": "py", "code": SLEEPER.format(mark=mark), "wall_limit": 60}
        request = asyncio.create_task(client.post("/", json=body))
        try:
            await eventually(lambda: bool(processes_named(mark)))
            yield request
        finally:
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)


def _cgroups(executor: int) -> list[str]:
    completed = subprocess.run(
        ["find", "/sys/fs/cgroup", "-name", f"precieux-{executor}"], capture_output=True, text=True, check=False
    )
    return completed.stdout.split()


async def test_a_dead_keeper_fails_its_runs_and_is_replaced() -> None:
    mark = f"keeper-{os.getpid()}"
    # Without warm boxes: the next keeper would start theirs again.
    with running_executor(executor_slots="2", warm_boxes="0") as running:
        async with sleeping_program(running, mark) as request:
            os.kill(keeper(running.pid), signal.SIGKILL)
            failed = await request
            assert failed.status_code == failed.json()["status"] == 500
            assert failed.json()["verdict"] == "internal_error"
            await eventually(lambda: not processes_named(mark))
            async with httpx.AsyncClient(timeout=60) as client:
                again = await client.post(running.url, json={"language": "py", "code": "print('again')"})
            assert again.json()["output"] == "again\n"


@pytest.mark.slow
async def test_many_boxes_are_ready_with_few_descriptors() -> None:
    """The usual limit is 1024, and the keeper needs some for each box."""
    boxes, kinds = 16, 2
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (192, hard))
    try:
        executor = contextlib.ExitStack()
        running = executor.enter_context(running_executor(warm_boxes=str(boxes)))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with executor:
        first = keeper(running.pid)
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            async with asyncio.timeout(_DEADLINE_S * PATIENCE):
                # The first programs may run before a box of their kind waits, and then its pool does not fill up.
                while len(pids_below(running.pid)) <= 2 * boxes * kinds:
                    for language, code in {"bash": "echo ok", "py": "print('ok')"}.items():
                        answer = await client.post("/", json={"language": language, "code": code})
        assert answer.json()["output"] == "ok\n"
        assert keeper(running.pid) == first


@pytest.mark.slow
async def test_stopping_leaves_nothing() -> None:
    mark = f"stop-{os.getpid()}"
    with running_executor(executor_slots="1") as running:
        async with sleeping_program(running, mark) as request:
            below = pids_below(running.pid)
            os.kill(running.pid, signal.SIGTERM)
            await asyncio.gather(request, return_exceptions=True)
            await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
    assert processes_named(mark) == []
    assert _cgroups(running.pid) == []


@pytest.mark.slow
async def test_killing_the_executor_leaves_no_process() -> None:
    mark = f"kill-{os.getpid()}"
    with running_executor(executor_slots="1", expect_exit=-signal.SIGKILL) as running:
        async with sleeping_program(running, mark) as request:
            below = pids_below(running.pid)
            os.kill(running.pid, signal.SIGKILL)
            await asyncio.gather(request, return_exceptions=True)
            await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
    with running_executor(executor_slots="1"):  # its start removes the other's cgroups
        assert _cgroups(running.pid) == []
