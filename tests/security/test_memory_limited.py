"""No program can take down an executor that has no cgroups of its own and runs in one with a memory limit, as in a
container.

The tests make that group, as root.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.gate import leave_out, missing
from tests.fixtures.memory_group import MemoryGroup, memory_group
from tests.security.attacks import Attack, load
from tests.security.host import keeper

pytestmark = pytest.mark.security

_LIMIT_BYTES = 768 << 20
_ATTACKS = [attack for attack in load() if attack.name.startswith("memory_") and attack.language == "c"]
_MODES = ["ordinary user", pytest.param("subordinate ids", marks=pytest.mark.slow)]
#: Attacks that are not slow: one on the program's own memory, and one on the kernel's.
_QUICK = ("memory_in_mappings", "memory_in_pipes")
#: Reads the clock without a pause, which fails if others take all memory.
_NEIGHBOUR = """
import time
block = bytearray(16 << 20)
until = time.monotonic() + 2
while time.monotonic() < until:
    block[:] = bytes(16 << 20)
print("ok")
"""


@pytest.fixture(scope="module")
def group() -> Iterator[MemoryGroup]:
    with contextlib.ExitStack() as stack:
        if os.geteuid() != 0:
            leave_out("only root can make a memory cgroup")
        try:
            group = stack.enter_context(memory_group(_LIMIT_BYTES))
        except OSError as exc:
            missing("a memory cgroup", f"run the tests where root may make one ({exc}).")
        yield group


@pytest.fixture(scope="module", params=_MODES)
def executor(request: pytest.FixtureRequest, group: MemoryGroup) -> Iterator[RunningExecutor]:
    with running_executor(
        request.param, executor_slots="2", warm_boxes="1", max_memory_limit=str(4 << 30), prefix=group.prefix
    ) as running:
        yield running


async def _post(url: str, **body: Any) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        answer: dict[str, Any] = (await client.post("/", json=body)).json()
        return answer


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, id=attack.name, marks=() if attack.name in _QUICK else pytest.mark.slow)
        for attack in _ATTACKS
    ],
)
async def test_neighbour_and_executor_survive(executor: RunningExecutor, group: MemoryGroup, attack: Attack) -> None:
    guard, killed = keeper(executor.pid), group.killed()
    request = {"time_limit": 4, "wall_limit": 15, **attack.request, "language": attack.language, "code": attack.source}
    neighbour, attacked = await asyncio.gather(
        _post(executor.url, language="py", code=_NEIGHBOUR, wall_limit=60), _post(executor.url, **request)
    )
    assert (neighbour["verdict"], neighbour["output"]) == ("ok", "ok\n"), neighbour
    assert attacked["verdict"] in ("ok", "memory_limit", "time_limit"), attacked
    assert keeper(executor.pid) == guard
    assert group.killed() == killed  # the kernel had to kill nothing


_FILLS_MEMORY = """
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
os.write(1, b"begun")
block = mmap.mmap(-1, 3 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
address = ctypes.addressof(ctypes.c_char.from_buffer(block))
libc.memset(ctypes.c_void_p(address), 1, ctypes.c_size_t(3 << 30))
"""


async def test_the_program_ends_if_memory_runs_out(executor: RunningExecutor, group: MemoryGroup) -> None:
    """It needs more than the group has but less than its own limit, so the kernel kills it, and the answer says so."""
    guard, killed = keeper(executor.pid), group.killed()
    answer = await _post(executor.url, language="py", code=_FILLS_MEMORY, memory_limit=4 << 30, wall_limit=60)
    assert (answer["verdict"], answer["output"]) == ("memory_limit", "begun"), answer
    assert group.killed() > killed
    assert keeper(executor.pid) == guard
    assert (await _post(executor.url, language="py", code="print('again')"))["output"] == "again\n"
