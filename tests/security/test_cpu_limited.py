"""A limit of processor time for the executor's own cgroup, such as a pod's, makes no verdict.

The kernel stops all processes of the cgroup for a part of each period. The tests make that group, as root.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.gate import leave_out
from tests.waiting import eventually_sync

pytestmark = pytest.mark.security

_VERSION_1, _VERSION_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
#: Runs a fifth of each 100 ms.
_QUOTA = {_VERSION_1 / "cpu.cfs_quota_us": "20000", _VERSION_2 / "cpu.max": "20000 100000"}
_COMPUTES = "import time\nwhile time.process_time() < 0.5: pass\nprint('done')"


@pytest.fixture(scope="module")
def executor() -> Iterator[RunningExecutor]:
    if os.geteuid() != 0:
        leave_out("only root can limit the processor time of a cgroup")
    parent, file = next((path.parent, path.name) for path in _QUOTA if path.parent.exists())
    group = parent / f"precieux-test-{secrets.token_hex(4)}"
    group.mkdir()
    try:
        if not (group / file).exists():
            leave_out(f"{parent} has no controller of processor time")
        # It serves before it is throttled.
        prefix = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
        with running_executor(executor_slots="2", express_slots="0", prefix=prefix) as running:
            (group / file).write_text(_QUOTA[parent / file])
            yield running
        eventually_sync(lambda: not (group / "cgroup.procs").read_text(), what="the group is empty")
    finally:
        group.rmdir()


async def _run(url: str, code: str) -> dict[str, Any]:
    body = {"language": "py", "code": code, "time_limit": 2, "wall_limit": 1.5}
    async with httpx.AsyncClient(timeout=120) as client:
        answer: dict[str, Any] = (await client.post(url, json=body)).json()
        return answer


async def test_throttled_programs_keep_their_verdicts(executor: RunningExecutor) -> None:
    """They compute for less than their limit, and together take longer than their limit of elapsed time."""
    answers = await asyncio.gather(*(_run(executor.url, _COMPUTES) for _ in range(2)))
    assert [(answer["verdict"], answer["output"]) for answer in answers] == [("ok", "done\n")] * 2, answers
    assert all(answer["wall_s"] > 1.5 for answer in answers)


async def test_a_throttled_program_that_sleeps_ends(executor: RunningExecutor) -> None:
    answer = await _run(executor.url, "import time\ntime.sleep(600)")
    assert answer["verdict"] == "time_limit"
