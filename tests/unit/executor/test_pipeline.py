"""How the pipeline turns the end of a box into a result, with fake boxes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from executor import load
from executor.catalogue.installed import Installed
from executor.languages.program import ProgramSources
from executor.load import Reading
from executor.pipeline.plan import plan_program
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, SandboxFailure, StepResult, WorkFile, Zygote
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.engine_api.codex import RunRequest, RunResponse, Verdict
from shared.engine_api.run_call.events import Compiled
from shared.engine_api.run_call.request import (
    Checker,
    CheckerKind,
    JudgeProgram,
    ProgramFile,
    ProgramRequest,
)
from tests.fixtures.languages import fake_installed
from tests.fixtures.sandbox import FakeSandbox, compiles, run_tests

_SETTINGS = ExecutorSettings()
_ZYGOTE = Zygote(("/usr/bin/python3",), {})


async def _run(pipeline: Pipeline, language: str, code: str = "x") -> RunResponse:
    return await pipeline.run(RunRequest(code=code, language=language), fake_installed(language))


def _ends_warm_boxes(job: Job) -> StepResult:
    if job.template.zygote:
        raise SandboxFailure("the zygote ended")
    return StepResult(0, stdout=b"done")


def _compiles(job: Job) -> StepResult:
    """Let everything succeed. A compiler makes `main`."""
    return StepResult(0, stdout=b"done", compiled_files={"main": WorkFile(b"cold")} if compiles(job) else {})


class AllWarm(Warm):
    """Every job is given to a zygote."""

    def __init__(self) -> None: ...

    def place(self, job: Job, program: ProgramSources, installed: Installed) -> Job:
        return replace(job, template=replace(job.template, zygote=_ZYGOTE))

    def compiler(self, installed: Installed) -> None: ...


class WithSharedCompiler(Warm):
    """Every language has a shared compiler that answers every source with `compiled`, and no other help."""

    def __init__(self, compiled: StepResult | None) -> None:
        self._compiled = compiled
        self.compilations = 0

    def place(self, job: Job, program: ProgramSources, installed: Installed) -> Job:
        return job

    def compiler(self, installed: Installed) -> Any:
        return self

    async def compile(self, name: str, source: bytes, output_bytes: int) -> StepResult | None:
        self.compilations += 1
        await asyncio.sleep(0)
        return self._compiled


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Reading(0, 0.0), Reading(27_000_000, 30.0)])
    monkeypatch.setattr(load, "read", lambda: next(readings))


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "pressure"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
async def test_only_a_wall_limit_reports_the_load(stopped: str | None, pressure: float | None) -> None:
    """A program that used its CPU time did so on any machine, so it must not be run again."""
    sandbox = FakeSandbox(lambda job: StepResult(None if stopped else 0, stopped=stopped))
    result = await _run(Pipeline(sandbox, _SETTINGS), "py")
    assert result.cpu_pressure == pressure
    if stopped in ("wall", "cpu"):
        assert result.verdict is Verdict.TIME_LIMIT


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "pressure"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
@pytest.mark.parametrize("call", ["codex", "run", "judged run"])
async def test_a_stopped_compiler_reports_the_load_too(call: str, stopped: str | None, pressure: float | None) -> None:
    pipeline = Pipeline(FakeSandbox(lambda job: StepResult(1, stopped=stopped)), _SETTINGS)
    files = (ProgramFile(path="main.c", content="x"),)
    judged = Checker(kind=CheckerKind.PROGRAM, program=JudgeProgram(language="c", files=files))
    checker = judged if call == "judged run" else Checker()
    [answer] = [await _run(pipeline, "c")] if call == "codex" else await run_tests(pipeline, "c", checker=checker)
    assert (answer.verdict, answer.cpu_pressure) == (Verdict.COMPILE_ERROR, pressure)


@pytest.mark.parametrize(("asked", "given"), [(None, 8 << 20), (4 << 20, 4 << 20), (64 << 20, 8 << 20)])
def test_a_language_may_lower_the_stack(asked: int | None, given: int) -> None:
    request = ProgramRequest(language="rb", files=(ProgramFile(path="x.rb", content="x"),), stack_bytes=asked)
    step = plan_program(request, fake_installed("rb"), _SETTINGS).run(request.tests[0]).job.step
    assert step.limits.stack_bytes == given


@pytest.mark.parametrize("code", ["rkt", "py"])
async def test_both_calls_give_a_language_the_memory_that_it_needs(code: str) -> None:
    sandbox = FakeSandbox(_compiles)
    pipeline = Pipeline(sandbox, ExecutorSettings(default_memory_limit=32 << 20))
    await _run(pipeline, code)
    await run_tests(pipeline, code)
    language = fake_installed(code).language
    expected = ((language.needs.memory_mib or 32) + language.run.extra_memory_mib) << 20
    assert [job.step.limits.memory_bytes for job in sandbox.jobs] == [expected, expected]


async def test_a_failed_warm_box_falls_back_to_a_cold_one() -> None:
    sandbox = FakeSandbox(_ends_warm_boxes)
    result = await _run(Pipeline(sandbox, _SETTINGS, AllWarm()), "py")
    assert (result.verdict, result.output) == (Verdict.OK, "done")
    assert [bool(job.template.zygote) for job in sandbox.jobs] == [True, False]


async def test_a_failed_cold_box_is_not_tried_again() -> None:
    def fails(job: Job) -> StepResult:
        raise SandboxFailure("there is no box")

    sandbox = FakeSandbox(fails)
    with pytest.raises(SandboxFailure):
        await _run(Pipeline(sandbox, _SETTINGS, AllWarm()), "py")
    assert len(sandbox.jobs) == 2


class WithRuntime(Warm):
    """Every language has a runtime that has started, and that runs every job."""

    def __init__(self) -> None:
        self._settings = _SETTINGS.tuned(warm_boxes=0)
        self._runtimes: Any = {"py": self}

    def place(self, job: Job, *others: Any) -> Job:
        return super().place(job, *others) if others else replace(job, template=replace(job.template, zygote=_ZYGOTE))


@pytest.mark.parametrize("fields", [{}, {"environment": {"OWN": "1"}}, {"interpreter_args": ["-u"]}])
async def test_a_program_with_own_variables_or_options_starts_cold(fields: dict[str, Any]) -> None:
    sandbox = FakeSandbox(_ends_warm_boxes)
    [event] = await run_tests(Pipeline(sandbox, _SETTINGS, WithRuntime()), "py", **fields)
    assert event.verdict is Verdict.OK
    assert bool(sandbox.jobs[0].template.zygote) == (not fields)


@pytest.mark.parametrize(
    ("code", "stopped", "precompile", "verdict"),
    [
        ("#include <iostream>", None, True, Verdict.OK),
        ("#include <vector>", None, True, Verdict.COMPILE_ERROR),
        ("#include <iostream>", "cpu", True, Verdict.COMPILE_ERROR),
        ("#include <iostream>", None, False, Verdict.COMPILE_ERROR),
    ],
)
async def test_a_rejected_source_is_compiled_without_the_header(
    code: str, stopped: str | None, precompile: bool, verdict: Verdict
) -> None:
    def rejects_headers(job: Job) -> StepResult:
        with_header = any("/headers/" in word for word in job.step.argv)
        return StepResult(1, stopped=stopped) if with_header else _compiles(job)

    sandbox = FakeSandbox(rejects_headers)
    with capture_logs() as logged:
        result = await _run(Pipeline(sandbox, _SETTINGS.tuned(precompile_headers=precompile)), "cpp", code)
    assert result.verdict is verdict
    assert (len(sandbox.compilations), len(sandbox.runs)) == ((2, 1) if verdict is Verdict.OK else (1, 0))
    assert [line["event"] for line in logged] == ["header.rejected_a_program"] * (verdict is Verdict.OK)


def _compiled(exit_code: int) -> StepResult:
    compiled_files = {} if exit_code else {"main": WorkFile(b"shared")}
    return StepResult(exit_code, stdout=b"Main.java:1", compiled_files=compiled_files)


async def _run_twice(compiled: StepResult | None) -> tuple[list[Verdict | None], FakeSandbox]:
    """Return the verdicts and the sandbox of a source that comes twice."""
    sandbox = FakeSandbox(_compiles)
    pipeline = Pipeline(sandbox, _SETTINGS, WithSharedCompiler(compiled))
    return [(await _run(pipeline, "java", "class Main {}")).verdict for _ in range(2)], sandbox


async def test_files_of_a_shared_compiler_run_and_are_not_cached() -> None:
    verdicts, sandbox = await _run_twice(_compiled(0))
    assert verdicts == [Verdict.OK, Verdict.OK]
    assert [job.files["main"].content for job in sandbox.jobs] == [b"shared"] * 2


@pytest.mark.parametrize(
    "limits", [{"cpu_s": 5.0}, {"wall_s": 5.0}, {"memory_bytes": 512 << 20}, {"processes": 16}, {"output_bytes": 5}]
)
async def test_a_source_whose_compiler_has_lower_limits_is_not_shared(limits: dict[str, Any]) -> None:
    """Otherwise it would compile or not, by whether the shared compiler had started."""
    sandbox = FakeSandbox(_compiles)
    shared = WithSharedCompiler(replace(_compiled(0), cut=("stdout",) if "output_bytes" in limits else ()))
    await run_tests(Pipeline(sandbox, _SETTINGS, shared), "java", compile_limits=limits)
    assert [compiles(job) for job in sandbox.jobs] == [True, False]


async def test_diagnostics_are_kept_apart_for_those_who_ask() -> None:
    """javac writes them to standard error, wherever it runs."""
    shared = WithSharedCompiler(replace(_compiled(1), cut=("stdout",)))
    [event] = await run_tests(Pipeline(FakeSandbox(_compiles), _SETTINGS, shared), "java", output_order=True)
    assert isinstance(event, Compiled)
    assert (event.output, event.stderr, event.cut, event.order) == ("", "Main.java:1", ["stderr"], [0, 11])


async def test_a_source_that_a_shared_compiler_rejects_gets_no_box() -> None:
    verdicts, sandbox = await _run_twice(_compiled(1))
    assert (verdicts, sandbox.jobs) == ([Verdict.COMPILE_ERROR] * 2, [])


async def test_a_shared_compiler_compiles_once_for_all() -> None:
    sandbox = FakeSandbox(_compiles)
    shared = WithSharedCompiler(_compiled(0))
    pipeline = Pipeline(sandbox, _SETTINGS, shared)
    await asyncio.gather(*(_run(pipeline, "java", "class Main {}") for _ in range(3)))
    assert shared.compilations == 1
    assert (len(sandbox.compilations), len(sandbox.runs)) == (0, 3)


async def test_a_box_compiles_without_an_answer_and_fills_the_cache() -> None:
    verdicts, sandbox = await _run_twice(None)
    assert verdicts == [Verdict.OK, Verdict.OK]
    assert ["main" in job.files for job in sandbox.jobs] == [False, True, True]
