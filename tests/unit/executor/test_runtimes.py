"""When a warm runtime is used, and what it gets, with a fake sandbox."""

from dataclasses import replace
from typing import Any

import pytest

from executor.catalogue import Installed
from executor.languages import known
from executor.limits import RunLimits, default_limits
from executor.pipeline import of_source, plan
from executor.sandbox.base import Job, SandboxFailure, StepResult
from executor.settings import ExecutorSettings
from executor.warm.runtimes import WarmRuntime
from shared.codex import RunRequest

_SETTINGS = ExecutorSettings(default_memory_limit=100 << 20, max_time_limit=77)


class _Sandbox:
    """Every step ends with `exit_code`, and prints `stdout`."""

    def __init__(self, exit_code: int = 0, stdout: bytes = b"") -> None:
        self._ended = StepResult(exit_code, None, 0.1, 0.1, 1, None, stdout, b"", truncated=False)
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        return [self._ended]


def _installed(code: str) -> Installed:
    return Installed(known()[code], {tool: f"/bin/{tool}" for tool in known()[code].tools}, "1.0")


def _runtime(code: str) -> WarmRuntime:
    warm = known()[code].run.warm
    assert warm
    return WarmRuntime(_installed(code), warm, _SETTINGS)


def _place(code: str, changes: dict[str, Any] = {}, **fields: object) -> tuple[Job, Job]:  # noqa: B006
    """Return a job that only runs, and the same job as the runtime changes it. `changes` are those of its run."""
    request = RunRequest.model_validate({"language": code, "code": "class Own { void main() {} }", **fields})
    program, run = of_source(request, _installed(code), _SETTINGS)
    run = replace(run, **changes)
    job = plan(program, run, _installed(code), _SETTINGS)
    job = Job(job.files, job.steps[-1:], job.template)
    return job, _runtime(code).place(job, program.names, run.args)


def test_a_forked_runtime_gets_the_step_as_it_is() -> None:
    job, placed = _place("py")
    assert placed.steps == job.steps
    assert placed.template.zygote
    assert placed.template.zygote.argv == ("/bin/python", "/box/zygote.py")


def test_a_stub_gets_the_name_of_the_class_to_start() -> None:
    job, placed = _place("java")
    assert job.steps[0].argv[0] == "/bin/java"
    assert placed.steps[0].argv == ("Own",)


def test_a_stub_starts_with_the_highest_cpu_limit() -> None:
    stub = _runtime("java").template.stub
    assert stub
    assert stub.limits.cpu_s == _SETTINGS.max_time_limit
    assert "-Xmx100m" in stub.argv


@pytest.mark.parametrize(("code", "warm"), [("py", True), ("js", False), ("java", False)])
def test_a_runtime_with_another_heap_is_not_used(code: str, warm: bool) -> None:
    job, placed = _place(code, memory_limit=200 << 20)
    assert (placed != job) is warm
    assert _place(code, memory_limit=100 << 20)[1] != job


_USUAL = default_limits(_SETTINGS)


@pytest.mark.parametrize("limits", [replace(_USUAL, processes=3), replace(_USUAL, output_bytes=7)])
def test_a_stub_that_has_other_limits_is_not_used(limits: RunLimits) -> None:
    for code, warm in (("py", True), ("java", False)):
        job, placed = _place(code, {"limits": limits})
        assert (placed != job) is warm
        assert placed.steps[0].limits.processes == limits.processes
        assert placed.steps[0].output_bytes == limits.output_bytes


@pytest.mark.parametrize("change", [{"merge_output": True}, {"stack_bytes": 1 << 20}, {"file_bytes": 1 << 20}])
def test_a_stub_that_has_started_otherwise_is_not_used(change: dict[str, Any]) -> None:
    job, placed = _place("java", change)
    assert placed is job
    assert _place("java", dict.fromkeys(change))[1].template.stub


def test_arguments_reach_a_warm_runtime() -> None:
    args = ("a b", "\n", "é")
    assert _place("py", {"args": args})[1].steps[0].argv == ("/bin/python", "main.py", *args)
    assert _place("java", {"args": args})[1].steps[0].argv == ("Own", *args)
    job, placed = _place("java", {"args": ("x" * 9000,)})
    assert placed == job


async def test_a_runtime_that_runs_the_reference_program_is_accepted() -> None:
    sandbox, runtime = _Sandbox(stdout=b"Hello, world!\n"), _runtime("py")
    await runtime.check(sandbox)
    assert [job.template for job in sandbox.jobs] == [runtime.template]
    assert sandbox.jobs[0].steps[0].stdin == b"world\n"


@pytest.mark.parametrize(
    ("sandbox", "reason"),
    [
        (_Sandbox(1, b"Hello, world!\n"), "Hello, world!\n"),
        (_Sandbox(0, b"Hello, moon!\n"), "Hello, moon!\n"),
        (_Sandbox(0), "it failed without a message"),
    ],
)
async def test_a_runtime_with_another_result_is_rejected(sandbox: _Sandbox, reason: str) -> None:
    with pytest.raises(SandboxFailure) as raised:
        await _runtime("js").check(sandbox)
    assert str(raised.value) == reason
