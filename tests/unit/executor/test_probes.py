"""A probe that cannot run cancels the others, and a slow machine gets the same findings."""

import asyncio
import json

import pytest

from executor.doctor import probes
from executor.sandbox.base import Job, SandboxFailure, StepResult
from tests.fixtures.sandbox import FakeSandbox


class _Sandbox:
    """Fails if `fails` is in the program, once all others wait. The others wait until they are cancelled."""

    def __init__(self, fails: str, others: int) -> None:
        self._fails = fails.encode()
        self._all_wait = asyncio.Barrier(others + 1)
        self.cancelled = 0

    async def run(self, job: Job) -> StepResult:
        await self._all_wait.wait()
        if self._fails in job.files["probe.py"].content:
            raise SandboxFailure("no box can be made")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # a box takes a moment to go
            self.cancelled += 1
            raise
        return StepResult(0)


@pytest.mark.parametrize("fails", ["_CLONE_NEWUSER", "print('x' * 1000)"], ids=["of isolation", "of a limit"])
async def test_a_probe_that_fails_cancels_the_others(fails: str) -> None:
    others = len(probes._LIMIT_PROBES)
    sandbox = _Sandbox(fails, others)
    with pytest.raises(SandboxFailure, match="no box can be made"):
        await probes.probe(sandbox, at_once=others + 1)
    assert sandbox.cancelled == others
    assert asyncio.all_tasks() == {asyncio.current_task()}


def _slow(job: Job) -> StepResult:
    """Stop each program that may not use 20 seconds, as happens where Python needs them to start."""
    step = job.step
    if step.limits.cpu_s < 20:
        return StepResult(0, stopped="cpu")
    if b"_CLONE_NEWUSER" in job.files["probe.py"].content:
        return StepResult(0, stdout=json.dumps(dict.fromkeys(probes._ISOLATION, "")).encode())
    return StepResult(0, stdout=b"held\n")


async def test_a_slow_machine_keeps_its_guarantees() -> None:
    findings = await probes.probe(FakeSandbox(_slow), at_once=1)
    assert [finding.guarantee for finding in findings if finding.essential and not finding.held] == []
