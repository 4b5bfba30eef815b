"""How the pipeline runs a program together with an interactor, with a fake sandbox."""

from dataclasses import replace
from typing import Any, Final

import pytest

from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, LeftOut, OutFolder, SandboxFailure, StepResult, WorkFile
from executor.settings import ExecutorSettings
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, JudgeFailed, TestEnded
from tests.fixtures.sandbox import run_judged

_OK: Final = StepResult(0, cpu_s=1.0, wall_s=1.0, ended_at=7.0)
_ACCEPTS: Final = replace(_OK, exit_code=42, cpu_s=0.25, ended_at=8.0)


class _Sandbox:
    """Compiles anything; the files of a `large` program are too large. A program and its interactor end as given, and a
    checker accepts."""

    def __init__(self, played: StepResult = _OK, judged: StepResult = _ACCEPTS) -> None:
        self._ended = replace(played, judge=judged)
        self.pairs: list[Job] = []
        self.checkers: list[Job] = []

    async def run(self, job: Job) -> StepResult:
        if job.judge:
            self.pairs.append(job)
            return self._ended
        if job.given:
            self.checkers.append(job)
            return replace(_OK, exit_code=0, cpu_s=0.5, stderr=b"ok fine")
        is_large = any(file.content == b"large" for file in job.files.values())
        if is_large:
            return replace(_OK, out_folder=OutFolder(left_out={LeftOut.TOO_LARGE: 1}))
        return replace(_OK, compiled_files={"main": WorkFile(b"compiled")})


def _judge(source: str = "judge", **fields: Any) -> dict[str, Any]:
    return {"language": "c", "files": [{"path": "j.c", "content": source}], **fields}


async def _run(
    sandbox: _Sandbox, interactor: dict[str, Any], source: str = "x", **fields: Any
) -> list[Compiled | JudgeFailed | TestEnded]:
    fields = {"files": [{"path": "main.c", "content": source}], "interactor": interactor, **fields}
    return await run_judged(Pipeline(sandbox, ExecutorSettings()), "c", **fields)


@pytest.mark.parametrize(("own_s", "programs_s", "wall_s"), [(1, 5, 1), (5, 1, 1)])
async def test_an_interactor_has_at_most_the_programs_time(own_s: float, programs_s: float, wall_s: float) -> None:
    sandbox = _Sandbox(judged=replace(_ACCEPTS, exit_code=None, signal=9, stopped="wall"))
    judge, limits = _judge(limits={"wall_s": own_s}), {"wall_s": programs_s}
    _, event = await _run(sandbox, judge, limits=limits)
    (job,) = sandbox.pairs
    assert job.judge
    assert (job.step.limits.wall_s, job.judge.job.step.limits.wall_s) == (programs_s, wall_s)
    assert isinstance(event, TestEnded)
    assert f"stopped after {wall_s} s." in str(event.judge_message)


@pytest.mark.parametrize(
    ("played", "judged"),
    [
        (replace(_OK, exit_code=3), replace(_ACCEPTS, exit_code=0)),
        (_OK, replace(_ACCEPTS, exit_code=1)),
        (_OK, replace(_ACCEPTS, exit_code=7, stderr=b"points 1 good")),
    ],
    ids=["the program fails", "the interactor rejects", "the interactor gives points"],
)
async def test_otherwise_no_checker_runs(played: StepResult, judged: StepResult) -> None:
    sandbox = _Sandbox(played, judged)
    checker = {"kind": "program", "program": _judge("check", protocol="testlib")}
    await _run(sandbox, _judge(protocol="testlib"), checker=checker)
    assert (len(sandbox.pairs), sandbox.checkers) == (1, [])


@pytest.mark.parametrize(
    ("played", "judged"), [("killed", None), (None, "killed")], ids=["the program", "the interactor"]
)
async def test_one_that_we_killed_without_a_reason_is_our_failure(played: str | None, judged: str | None) -> None:
    sandbox = _Sandbox(replace(_OK, stopped=played), replace(_ACCEPTS, stopped=judged))
    with pytest.raises(SandboxFailure, match="was stopped: killed"):
        await _run(sandbox, _judge())


async def test_compiled_files_that_cannot_be_taken_are_a_compile_error() -> None:
    sandbox = _Sandbox()
    (event,) = await _run(sandbox, _judge(), "large")
    assert isinstance(event, Compiled)
    assert (event.verdict, event.output) == (Verdict.COMPILE_ERROR, "The compiled files are over 128 MiB.")
    _, failed = await _run(sandbox, _judge("large"))
    assert isinstance(failed, JudgeFailed)
    assert failed.judge == "interactor"
    assert failed.judge_message.endswith("The compiled files are over 128 MiB.")
    assert sandbox.pairs == []
