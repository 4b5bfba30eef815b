"""How the pipeline turns the end of a box into a result, with fake boxes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from executor import load
from executor.catalogue.installed import Installed
from executor.languages import known
from executor.languages.program import ProgramSources
from executor.load import Reading
from executor.pipeline.plan import plan_program
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, SandboxFailure, StepResult, WorkFile, Zygote
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.engine.codex import RunRequest, RunResponse, Verdict
from shared.engine.run_call import (
    Checker,
    CheckerKind,
    Compiled,
    JudgeFailed,
    JudgeProgram,
    ProgramFile,
    ProgramRequest,
    Started,
    TestEnded,
)

_PYTHON = Installed(known()["py"], tools={"python": "/usr/bin/python3"}, info="")


class ScriptedSandbox:
    """Every box ends in the same way."""

    def __init__(self, stopped: str | None) -> None:
        self._stopped = stopped

    async def run(self, job: Job) -> list[StepResult]:
        await asyncio.sleep(0)  # a program does not end in the turn of the event loop in which it begins
        code = None if self._stopped else 0
        return [StepResult(code, None, 10.0, 29.0, 1, self._stopped, stdout=b"", stderr=b"", truncated=False)]


class BrokenSandbox:
    """No box with a zygote can be made, and no box at all if `everywhere`."""

    def __init__(self, *, everywhere: bool) -> None:
        self._everywhere = everywhere
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        if job.template.zygote or self._everywhere:
            raise SandboxFailure("the zygote ended")
        return [StepResult(0, None, 1.0, 1.0, 1, None, stdout=b"done", stderr=b"", truncated=False)]


class AllWarm(Warm):
    """Every job is given to a zygote."""

    def __init__(self) -> None: ...

    def place(self, job: Job, program: ProgramSources, installed: Installed) -> Job:
        return replace(job, template=replace(job.template, zygote=Zygote(("/usr/bin/python3",), {})))

    def compiler(self, installed: Installed) -> None: ...


class SharedCompiler:
    """Answers every source with `compiled`."""

    def __init__(self, compiled: StepResult | None) -> None:
        self._compiled = compiled

    async def compile(self, name: str, source: bytes, output_bytes: int) -> StepResult | None:
        return self._compiled


class WithSharedCompiler(Warm):
    """Every language has this shared compiler, and no other help."""

    def __init__(self, compiled: StepResult | None) -> None:
        self._compiler = SharedCompiler(compiled)

    def place(self, job: Job, program: ProgramSources, installed: Installed) -> Job:
        return job

    def compiler(self, installed: Installed) -> Any:
        return self._compiler


@pytest.fixture
def busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([Reading(0, 0.0), Reading(27_000_000, 30.0)])
    monkeypatch.setattr(load, "read", lambda: next(readings))


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "pressure"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
async def test_only_a_wall_limit_reports_the_load(stopped: str | None, pressure: float | None) -> None:
    """A program that used its CPU time did so on any machine, so it must not be run again."""
    pipeline = Pipeline(ScriptedSandbox(stopped), ExecutorSettings())
    result = await pipeline.run(RunRequest(code="x", language="py"), _PYTHON)
    assert result.cpu_pressure == pressure
    if stopped in ("wall", "cpu"):
        assert result.verdict is Verdict.TIME_LIMIT


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize(("stopped", "pressure"), [("wall", 0.9), ("cpu", None), ("memory", None), (None, None)])
@pytest.mark.parametrize("call", ["codex", "run", "judged run"])
async def test_a_stopped_compiler_reports_the_load_too(call: str, stopped: str | None, pressure: float | None) -> None:
    pipeline = Pipeline(RejectingSandbox(stopped), ExecutorSettings())
    c = Installed(known()["c"], {"gcc": "/headers/gcc", "gold": "", "named_folders": ""}, "")
    answer: RunResponse | Started | Compiled | JudgeFailed | TestEnded
    if call == "codex":
        answer = await pipeline.run(RunRequest(code="x", language="c"), c)
    else:
        files = (ProgramFile(path="main.c", content="x"),)
        judged = Checker(kind=CheckerKind.PROGRAM, program=JudgeProgram(language="c", files=files))
        request = ProgramRequest(language="c", files=files, checker=judged if call == "judged run" else Checker())
        [_, answer] = [event async for event in pipeline.run_tests(request, c, lambda: None)]
    assert not isinstance(answer, Started | JudgeFailed)
    assert (answer.verdict, answer.cpu_pressure) == (Verdict.COMPILE_ERROR, pressure)


@pytest.mark.parametrize(("asked", "given"), [(None, 8 << 20), (4 << 20, 4 << 20), (64 << 20, 8 << 20)])
def test_a_language_may_lower_the_stack(asked: int | None, given: int) -> None:
    ruby = Installed(known()["rb"], tools={"ruby": "/usr/bin/ruby"}, info="")
    request = ProgramRequest(language="rb", files=(ProgramFile(path="x.rb", content="x"),), stack_bytes=asked)
    [step] = plan_program(request, ruby, ExecutorSettings()).run(request.tests[0]).job.steps
    assert step.limits.stack_bytes == given


@pytest.mark.parametrize("code", ["rkt", "py"])
async def test_both_calls_give_a_language_the_memory_that_it_needs(code: str) -> None:
    sandbox = BrokenSandbox(everywhere=False)
    language = known()[code]
    installed = Installed(language, tools={name: f"/{name}" for name in language.tools}, info="")
    settings = ExecutorSettings(default_memory_limit=32 << 20)
    pipeline = Pipeline(sandbox, settings)
    await pipeline.run(RunRequest(code="x", language=code), installed)
    request = ProgramRequest(language=code, files=(ProgramFile(path="main", content="x"),))
    async for _ in pipeline.run_tests(request, installed, lambda: None):
        pass
    expected = ((language.needs.memory_mib or 32) + language.run.extra_memory_mib) << 20
    assert [job.steps[-1].limits.memory_bytes for job in sandbox.jobs] == [expected, expected]


async def test_a_failed_warm_box_falls_back_to_a_cold_one() -> None:
    sandbox = BrokenSandbox(everywhere=False)
    result = await Pipeline(sandbox, ExecutorSettings(), AllWarm()).run(RunRequest(code="x", language="py"), _PYTHON)
    assert (result.verdict, result.output) == (Verdict.OK, "done")
    assert [bool(job.template.zygote) for job in sandbox.jobs] == [True, False]


async def test_a_failed_cold_box_is_not_tried_again() -> None:
    sandbox = BrokenSandbox(everywhere=True)
    with pytest.raises(SandboxFailure):
        await Pipeline(sandbox, ExecutorSettings(), AllWarm()).run(RunRequest(code="x", language="py"), _PYTHON)
    assert len(sandbox.jobs) == 2


class WithRuntime(Warm):
    """Every language has a runtime that has started, and that runs every job."""

    def __init__(self) -> None:
        self._settings = ExecutorSettings().tuned(warm_boxes=0)
        self._runtimes: Any = {"py": self}

    def place(self, job: Job, *others: Any) -> Job:
        if others:
            return super().place(job, *others)
        return replace(job, template=replace(job.template, zygote=Zygote(("/usr/bin/python3",), {})))


@pytest.mark.parametrize("environment", [{}, {"OWN": "1"}])
async def test_a_program_with_own_variables_starts_cold(environment: dict[str, str]) -> None:
    sandbox = BrokenSandbox(everywhere=False)
    request = ProgramRequest(language="py", files=(ProgramFile(path="main.py", content="x"),), environment=environment)
    pipeline = Pipeline(sandbox, ExecutorSettings(), WithRuntime())
    events = [event async for event in pipeline.run_tests(request, _PYTHON, lambda: None)]
    assert [event.verdict for event in events if isinstance(event, TestEnded)] == [Verdict.OK]
    assert bool(sandbox.jobs[0].template.zygote) == (not environment)


class RejectingSandbox:
    """Every program compiles, but not with precompiled headers. `stopped` is the limit that stopped the compiler."""

    def __init__(self, stopped: str | None = None) -> None:
        self._stopped = stopped
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        await asyncio.sleep(0)
        compiles = not any("/headers/" in word for word in job.steps[0].argv)
        compiled = StepResult(0 if compiles else 1, None, 1.0, 1.0, 1, self._stopped, b"rejected", b"", truncated=False)
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
async def test_a_rejected_source_is_compiled_without_the_header(
    code: str, stopped: str | None, precompile: bool, verdict: Verdict
) -> None:
    sandbox = RejectingSandbox(stopped)
    cpp = Installed(known()["cpp"], {"gxx": "/usr/bin/g++", "gold": "", "named_folders": ""}, "")
    with capture_logs() as logged:
        result = await Pipeline(sandbox, ExecutorSettings().tuned(precompile_headers=precompile)).run(
            RunRequest(code=code, language="cpp"), cpp
        )
    assert result.verdict is verdict
    assert len(sandbox.jobs) == (2 if verdict is Verdict.OK else 1)
    assert [line["event"] for line in logged] == ["header.rejected_a_program"] * (verdict is Verdict.OK)


class CompilingSandbox:
    """Every step succeeds, and a compile step makes `main`."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        *compiled, ran = [StepResult(0, None, 1.0, 1.0, 1, None, b"done", b"", truncated=False) for _ in job.steps]
        compiled_files = {"main": WorkFile(b"cold")} if job.compiled_bytes else {}
        return [*(replace(step, compiled_files=compiled_files) for step in compiled), ran]


def _compiled(exit_code: int) -> StepResult:
    compiled_files = {} if exit_code else {"main": WorkFile(b"shared")}
    return StepResult(
        exit_code, None, 1.0, 1.0, 1, None, b"Main.java:1", b"", truncated=False, compiled_files=compiled_files
    )


async def _run_twice(compiled: StepResult | None) -> tuple[list[Verdict | None], list[Job]]:
    """Return the verdicts and the boxes' jobs of a source that comes twice."""
    sandbox = CompilingSandbox()
    pipeline = Pipeline(sandbox, ExecutorSettings(), WithSharedCompiler(compiled))
    java = Installed(known()["java"], dict.fromkeys(known()["java"].tools, "/usr/bin/java"), "")
    request = RunRequest(code="class Main {}", language="java")
    return [(await pipeline.run(request, java)).verdict for _ in range(2)], sandbox.jobs


async def test_files_of_a_shared_compiler_run_and_are_not_cached() -> None:
    verdicts, jobs = await _run_twice(_compiled(0))
    assert verdicts == [Verdict.OK, Verdict.OK]
    assert [(len(job.steps), job.files["main"].content, job.compiled_bytes) for job in jobs] == [(1, b"shared", 0)] * 2


@pytest.mark.parametrize(
    "limits", [{"cpu_s": 5.0}, {"wall_s": 5.0}, {"memory_bytes": 512 << 20}, {"processes": 16}, {"output_bytes": 5}]
)
async def test_a_source_whose_compiler_has_lower_limits_is_not_shared(limits: dict[str, Any]) -> None:
    """Otherwise it would compile or not, by whether the shared compiler had started."""
    sandbox = CompilingSandbox()
    shared = WithSharedCompiler(replace(_compiled(0), truncated="output_bytes" in limits))
    java = Installed(known()["java"], dict.fromkeys(known()["java"].tools, "/usr/bin/java"), "")
    request = ProgramRequest.model_validate(
        {
            "language": "java",
            "files": [{"path": "Main.java", "content": "class Main {}"}],
            "compile_limits": limits,
        },
        strict=False,
    )
    pipeline = Pipeline(sandbox, ExecutorSettings(), shared)
    async for _ in pipeline.run_tests(request, java, lambda: None):
        pass
    assert [len(job.steps) for job in sandbox.jobs] == [2]


async def test_diagnostics_are_kept_apart_for_those_who_ask() -> None:
    """javac writes them to standard error, wherever it runs."""
    java = Installed(known()["java"], dict.fromkeys(known()["java"].tools, "/usr/bin/java"), "")
    files = (ProgramFile(path="Main.java", content="class Main {}"),)
    request = ProgramRequest(language="java", files=files, output_order=True)
    pipeline = Pipeline(CompilingSandbox(), ExecutorSettings(), WithSharedCompiler(_compiled(1)))
    [_, event] = [event async for event in pipeline.run_tests(request, java, lambda: None)]
    assert isinstance(event, Compiled)
    assert (event.output, event.stderr, event.order) == ("", "Main.java:1", [0, 11])


async def test_a_source_that_a_shared_compiler_rejects_gets_no_box() -> None:
    assert await _run_twice(_compiled(1)) == ([Verdict.COMPILE_ERROR, Verdict.COMPILE_ERROR], [])


async def test_a_box_compiles_without_an_answer_and_fills_the_cache() -> None:
    verdicts, (first, second) = await _run_twice(None)
    assert verdicts == [Verdict.OK, Verdict.OK]
    assert (len(first.steps), "main" in first.files) == (2, False)
    assert (len(second.steps), second.files["main"].content) == (1, b"cold")
