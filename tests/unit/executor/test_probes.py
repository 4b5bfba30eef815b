"""When a probe cannot run, no other goes on: each would raise a wall again that is being taken down."""

import asyncio

import pytest

from executor import probes
from executor.sandbox.base import Ended, Job, SandboxFailure


class _Sandbox:
    """Fails when `fails` is in the program, once all others wait; they wait until they are cancelled."""

    def __init__(self, fails: str, others: int) -> None:
        self._fails = fails.encode()
        self._all_wait = asyncio.Barrier(others + 1)
        self.cancelled = 0

    async def run(self, job: Job) -> list[Ended]:
        await self._all_wait.wait()
        if self._fails in job.files["probe.py"].content:
            raise SandboxFailure("no box can be made")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # a box takes a moment to go
            self.cancelled += 1
            raise
        return []


@pytest.mark.parametrize("fails", ["_CLONE_NEWUSER", "print('x' * 1000)"], ids=["of isolation", "of a limit"])
async def test_a_probe_that_fails_ends_the_others(fails: str) -> None:
    others = len(probes._LIMIT_PROBES)
    sandbox = _Sandbox(fails, others)
    with pytest.raises(SandboxFailure, match="no box can be made"):
        await probes.probe(sandbox, at_once=others + 1)
    assert sandbox.cancelled == others
    assert asyncio.all_tasks() == {asyncio.current_task()}
