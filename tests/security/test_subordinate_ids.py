"""If an ordinary user has subordinate ids, each box has a user of its own, which is not the executor's."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from tests.fixtures.executor import running_executor
from tests.fixtures.processes import processes_named
from tests.security.host import SLEEPER, keeper
from tests.waiting import eventually

pytestmark = pytest.mark.security


def _users(process: int) -> set[int]:
    """Return the real, effective, saved and file system ids of users and groups (proc_pid_status(5))."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {int(word) for line in lines if line.startswith(("Uid:", "Gid:")) for word in line.split()[1:]}


async def test_two_programs_and_the_keeper_have_three_users() -> None:
    mark = f"subordinate-{os.getpid()}"
    with running_executor("subordinate ids", executor_slots="2") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
            body = {"language": "py", "code": SLEEPER.format(mark=mark), "wall_limit": 60}
            requests = [asyncio.create_task(client.post("/", json=body)) for _ in range(2)]

            async def both_run() -> bool:
                return len(processes_named(mark)) == 2

            await asyncio.wait_for(eventually(both_run), 30)
            first, second = (_users(process) for process in processes_named(mark))
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
        ours = _users(keeper(running.pid)) | _users(running.pid)
    assert len(first) == len(second) == 1
    assert not first & second
    assert not (first | second) & ours
    assert min(first | second) >= 3_000_000
