"""When a warm runtime is used, and what it gets, with a fake sandbox."""

from dataclasses import replace

import pytest

from executor.languages import known
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, SandboxFailure, StepResult
from executor.settings import ExecutorSettings
from executor.warm.runtimes import WarmRuntime
from shared.engine_api.codex import RunRequest
from tests.fixtures.languages import fake_installed
from tests.fixtures.sandbox import FakeSandbox

_SETTINGS = ExecutorSettings(default_memory_limit=100 << 20)


def _sandbox(exit_code: int, stdout: bytes) -> FakeSandbox:
    return FakeSandbox(lambda job: StepResult(exit_code, stdout=stdout))


def _runtime(code: str) -> WarmRuntime:
    warm = known()[code].run.warm
    assert warm
    return WarmRuntime(fake_installed(code), warm, _SETTINGS)


def _place(code: str, **fields: object) -> tuple[Job, Job]:
    """Return a job, and the same job as the runtime changes it."""
    request = RunRequest.model_validate({"language": code, "code": "1", **fields})
    job = plan_source(request, fake_installed(code), _SETTINGS).job
    return job, _runtime(code).place(job)


@pytest.mark.parametrize(("code", "warm"), [("py", True), ("js", False)])
def test_a_runtime_with_another_heap_is_not_used(code: str, warm: bool) -> None:
    job, placed = _place(code, memory_limit=200 << 20)
    assert (placed != job) is warm
    assert _place(code, memory_limit=100 << 20)[1] != job


@pytest.mark.parametrize(("code", "mib", "warm"), [("py", 767, False), ("py", 768, True), ("js", 1 << 20, False)])
def test_a_runtime_needs_address_space(code: str, mib: int, warm: bool) -> None:
    job, _ = _place(code, memory_limit=100 << 20)
    limits = replace(job.step.limits, address_space=mib << 20)
    job = replace(job, step=replace(job.step, limits=limits))
    assert (_runtime(code).place(job) != job) is warm


async def test_a_runtime_that_runs_the_reference_program_is_accepted() -> None:
    sandbox, runtime = _sandbox(0, b"Hello, world!\n"), _runtime("py")
    await runtime.check(sandbox)
    assert [job.template for job in sandbox.jobs] == [runtime.template]
    assert sandbox.jobs[0].step.stdin == b"world\n"


@pytest.mark.parametrize(
    ("exit_code", "stdout", "reason"),
    [
        (1, b"Hello, world!\n", "Hello, world!"),
        (0, b"Hello, moon!\n", "Hello, moon!"),
        (0, b"", "exit code 0"),
    ],
)
async def test_a_runtime_with_another_result_is_rejected(exit_code: int, stdout: bytes, reason: str) -> None:
    with pytest.raises(SandboxFailure) as raised:
        await _runtime("js").check(_sandbox(exit_code, stdout))
    assert str(raised.value) == reason
