"""Programs that run as the executor's own user cannot use up what the executor needs."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.processes import pids_below
from tests.security.host import keeper

pytestmark = pytest.mark.security

_HOLDS_FILES = """
import os, time
for _ in range(60):
    os.dup(0)
time.sleep(0.2)
print("ok")
"""


@pytest.fixture(scope="module")
def executor() -> Iterator[RunningExecutor]:
    with running_executor("ordinary user", executor_slots="2") as running:
        yield running


def _epolls(process: int) -> list[str]:
    found = []
    for path in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has been closed
            if "eventpoll" in os.readlink(path):
                found.append(path.name)
    return found


async def _run(url: str, code: str, **wishes: int) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        return await client.post("/", json={"language": "py", "code": code, **wishes})


async def test_neither_executor_nor_keeper_has_an_epoll(executor: RunningExecutor) -> None:
    """The kernel limits watches of epolls per user, so one program could use up those of all."""
    assert (await _run(executor.url, "print(1)")).json()["output"] == "1\n"
    assert _epolls(executor.pid) == []
    assert _epolls(keeper(executor.pid)) == []


async def test_out_of_memory_kills_programs_first_and_executor_last(executor: RunningExecutor) -> None:
    """A program cannot change its score."""
    code = """
print(open("/proc/self/oom_score_adj").read())
for path in ("oom_score_adj", "oom_adj"):
    try:
        open(f"/proc/self/{path}", "w").write("0")
    except OSError:
        pass
print(open("/proc/self/oom_score_adj").read())
"""
    assert (await _run(executor.url, code)).json()["output"].split() == ["1000", "1000"]

    def score(process: int) -> int:
        return int(Path(f"/proc/{process}/oom_score_adj").read_text())

    def scores(processes: list[int]) -> Iterator[int]:
        for process in processes:
            with contextlib.suppress(OSError):  # its box has just gone
                yield score(process)

    guard = keeper(executor.pid)
    assert score(executor.pid) < score(guard) < 950
    descendants = set(scores(pids_below(guard)))
    assert min(descendants) == score(guard)  # the zygotes'
    assert descendants - {score(guard)} <= {950, 1000}


async def test_sockets_count_what_they_hold(executor: RunningExecutor) -> None:
    """The keeper enters the box's network namespace for a moment to find out."""
    code = """
import socket, time
pairs = [socket.socketpair() for _ in range(55)]
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
print("ok")
"""
    answer = (await _run(executor.url, code, memory_limit=48 << 20)).json()
    assert (answer["verdict"], answer["output"]) == ("ok", "ok\n"), answer


async def test_a_keeper_without_descriptors_loses_only_a_box() -> None:
    with running_executor("ordinary user", executor_slots="40", warm_boxes="0", open_files="32") as running:
        guard = keeper(running.pid)
        few = len(os.listdir(f"/proc/{guard}/fd")) + 12
        limit = ["prlimit", "--pid", str(guard), f"--nofile={few}:{few}"]
        await asyncio.to_thread(subprocess.run, limit, check=True, user=os.stat(f"/proc/{running.pid}").st_uid)
        answers = await asyncio.gather(*(_run(running.url, _HOLDS_FILES.replace("60", "20")) for _ in range(30)))
        statuses = {answer.status_code for answer in answers}
        assert 500 in statuses
        assert statuses <= {200, 500}
        assert (await _run(running.url, "print('again')")).json()["output"] == "again\n"
        assert keeper(running.pid) == guard
