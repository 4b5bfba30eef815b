"""When a warm runtime is used, and what it gets, with a fake sandbox."""

import pytest

from executor.languages import known
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, SandboxFailure, StepResult
from executor.settings import ExecutorSettings
from executor.warm.runtimes import WarmRuntime
from shared.engine.codex import RunRequest
from tests.fixtures.languages import fake_installed

_SETTINGS = ExecutorSettings(default_memory_limit=100 << 20)


class _Sandbox:
    """Every step ends with `exit_code`, and prints `stdout`."""

    def __init__(self, exit_code: int = 0, stdout: bytes = b"") -> None:
        self._ended = StepResult(exit_code, None, 0.1, 0.1, 1, None, stdout, b"", truncated=False)
        self.jobs: list[Job] = []

    async def run(self, job: Job) -> list[StepResult]:
        self.jobs.append(job)
        return [self._ended]


def _runtime(code: str) -> WarmRuntime:
    warm = known()[code].run.warm
    assert warm
    return WarmRuntime(fake_installed(code), warm, _SETTINGS)


def _place(code: str, **fields: object) -> tuple[Job, Job]:
    """Return a job, and the same job as the runtime changes it."""
    request = RunRequest.model_validate({"language": code, "code": "1", **fields})
    job = plan_source(request, fake_installed(code), _SETTINGS).job
    return job, _runtime(code).place(job)


def test_a_forked_runtime_gets_the_step_as_it_is() -> None:
    job, placed = _place("py")
    assert placed.steps == job.steps
    assert placed.template.zygote
    assert placed.template.zygote.argv == ("/bin/python", "/box/zygote.py")


@pytest.mark.parametrize(("code", "warm"), [("py", True), ("js", False)])
def test_a_runtime_with_another_heap_is_not_used(code: str, warm: bool) -> None:
    job, placed = _place(code, memory_limit=200 << 20)
    assert (placed != job) is warm
    assert _place(code, memory_limit=100 << 20)[1] != job


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
