"""What the pipeline makes of how a box ended; the box itself is played."""

import asyncio
from dataclasses import replace

import pytest

from executor import load
from executor.catalogue import Installed
from executor.languages import known
from executor.languages.py import LANGUAGE
from executor.load import Reading
from executor.pipeline import Pipeline
from executor.sandbox.base import Job, SandboxFailure, StepResult, Zygote
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.codex import RunRequest, Verdict

_PYTHON = Installed(LANGUAGE, tools={"python": "/usr/bin/python3"}, info="")


class ScriptedSandbox:
    """Every box ends in the same way."""

    def __init__(self, stopped: str | None) -> None:
        self._stopped = stopped

    async def run(self, job: Job) -> list[StepResult]:
        await asyncio.sleep(0)  # a program does not end in the turn of the event loop in which it begins
        code = None if self._stopped else 0
        return [StepResult(code, None, 10.0, 29.0, 1, self._stopped, stdout=b"", stderr=b"", truncated=False)]


class BrokenSandbox:
    """No box with a zygote can be made; nor any at all, if `everywhere`."""

    def __init__(self, *, everywhere: bool) -> None:
        self._everywhere = everywhere
        self.asked: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.asked.append(job)
        if job.template.zygote or self._everywhere:
            raise SandboxFailure("the zygote ended")
        return [StepResult(0, None, 1.0, 1.0, 1, None, stdout=b"done", stderr=b"", truncated=False)]


class AllWarm(Warm):
    """Every job is given to a zygote."""

    def __init__(self) -> None: ...

    def place(self, job: Job, request: RunRequest, installed: Installed) -> Job:
        return replace(job, template=replace(job.template, zygote=Zygote(("/usr/bin/python3",), {})))

    def compiler(self, installed: Installed) -> None: ...


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Reading(0, 0.0), Reading(27_000_000, 30.0)])
    monkeypatch.setattr(load, "read", lambda: next(readings))


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "told"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
async def test_only_a_wall_limit_brings_evidence_of_load(stopped: str | None, told: float | None) -> None:
    """Whoever used its CPU time did so on any machine: evidence would have it run again for nothing."""
    pipeline = Pipeline(ScriptedSandbox(stopped), ExecutorSettings())
    outcome = await pipeline.run(RunRequest(code="x", language="py"), _PYTHON)
    assert outcome.cpu_pressure == told
    if stopped in ("wall", "cpu"):
        assert outcome.verdict is Verdict.TIME_LIMIT


async def test_a_program_does_not_suffer_for_what_stood_ready() -> None:
    sandbox = BrokenSandbox(everywhere=False)
    outcome = await Pipeline(sandbox, ExecutorSettings(), AllWarm()).run(RunRequest(code="x", language="py"), _PYTHON)
    assert (outcome.verdict, outcome.output) == (Verdict.OK, "done")
    assert [bool(job.template.zygote) for job in sandbox.asked] == [True, False]


async def test_a_sandbox_that_fails_altogether_is_asked_twice_and_no_more() -> None:
    sandbox = BrokenSandbox(everywhere=True)
    with pytest.raises(SandboxFailure):
        await Pipeline(sandbox, ExecutorSettings(), AllWarm()).run(RunRequest(code="x", language="py"), _PYTHON)
    assert len(sandbox.asked) == 2


class RefusingSandbox:
    """No program compiles, and if it is `stopped`, for a limit; but one does without headers."""

    def __init__(self, stopped: str | None = None) -> None:
        self._stopped = stopped
        self.asked: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.asked.append(job)
        compiles = not any("/headers/" in word for word in job.steps[0].argv)
        compiled = StepResult(0 if compiles else 1, None, 1.0, 1.0, 1, self._stopped, b"refused", b"", truncated=False)
        return [compiled, replace(compiled, stdout=b"done")] if compiles else [compiled]


@pytest.mark.parametrize(
    ("code", "stopped", "precompile", "verdict"),
    [
        ("#include <iostream>", None, True, Verdict.OK),
        ("#include <vector>", None, True, Verdict.COMPILE_ERROR),
        ("#include <iostream>", "cpu", True, Verdict.COMPILE_ERROR),
        ("#include <iostream>", None, False, Verdict.COMPILE_ERROR),
    ],
)
async def test_what_headers_made_ahead_refuse_is_compiled_without(
    code: str, stopped: str | None, precompile: bool, verdict: Verdict
) -> None:
    sandbox = RefusingSandbox(stopped)
    cpp = Installed(known()["cpp"], {"gxx": "/usr/bin/g++", "gold": "", "named_folders": ""}, "")
    outcome = await Pipeline(sandbox, ExecutorSettings(precompile_headers=precompile)).run(
        RunRequest(code=code, language="cpp"), cpp
    )
    assert outcome.verdict is verdict
    assert len(sandbox.asked) == (2 if verdict is Verdict.OK else 1)
