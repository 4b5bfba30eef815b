"""The user ids that root needs for its programs, and the hard limits that programs need."""

import asyncio
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from executor import host
from executor.sandbox.base import Job, JudgeJob, Step, StepResult, Template
from executor.sandbox.wall import cgroups
from executor.settings import ExecutorSettings
from shared.service.errors import ConfigurationError
from tests.fixtures.step_limits import TINY


@pytest.fixture
def uid_map(tmp_path: Path) -> Path:
    return tmp_path / "uid_map"


@pytest.mark.parametrize(
    ("port", "mapped", "first"),
    [
        (0, "         0          0 4294967295\n", 1_879_048_192),
        (8100, "         0          0 4294967295\n", 1_879_048_192 + 8100 * 4096),
        (8100, "0 100000 65536\n", 65536 - 2 - 18),
        (8100, "0 1000 1\n1 100000 65536\n", 65537 - 2 - 18),
    ],
)
def test_users_of_programs_are_those_of_nobody_else(uid_map: Path, port: int, mapped: str, first: int) -> None:
    uid_map.write_text(mapped)
    assert host._first_user(18, port, uid_map) == first


@pytest.mark.parametrize("mapped", ["0 0 1\n1000 1000 1\n", "0 1000 10000\n", "0 0 1\n50000 50000 19\n"])
def test_too_few_ids_are_an_error(uid_map: Path, mapped: str) -> None:
    uid_map.write_text(mapped)
    with pytest.raises(ConfigurationError, match="needs 18 unused user ids, and fewer exist here"):
        host._first_user(18, 8100, uid_map)


_UNLIMITED = resource.RLIM_INFINITY, resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("name", "hard", "sentence", "unit_of_file"),
    [
        ("NOFILE", 511, "is 511, and programs need 512", ""),
        ("NPROC", 255, "is 255, and programs need 256", ""),
        ("FSIZE", 1 << 20, "is 1048576 bytes, and programs need 67108864 bytes", ", in KB"),
        ("STACK", 8 << 20, "is 8388608 bytes, and programs need 268435456 bytes", ", in KB"),
        ("CPU", 61, "is 61 s, and programs need 62 s", ", in minutes"),
    ],
)
def test_a_hard_limit_that_is_too_low_is_an_error(
    name: str, hard: int, sentence: str, unit_of_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {getattr(resource, f"RLIMIT_{name}"): (hard, hard)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, _UNLIMITED))
    settings = ExecutorSettings(max_disk_bytes=1 << 20, max_time_limit=5, default_time_limit=5)
    with pytest.raises(ConfigurationError, match=f"RLIMIT_{name} {sentence}: raise it by .*{unit_of_file}[.]$"):
        host._require_hard_limits(settings)
    limits.clear()
    host._require_hard_limits(settings)


def test_hard_limits_suffice_for_the_defaults_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets 176 open files without cgroups, and not 512."""
    limits = {resource.RLIMIT_NOFILE: (300, 300)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind, _UNLIMITED))
    mechanisms = host.find_mechanisms(ExecutorSettings().tuned(use_cgroups=False))
    assert host.fit_to_host(ExecutorSettings(), mechanisms).tuning.open_files == 176
    limits[resource.RLIMIT_NOFILE] = (255, 255)
    with pytest.raises(ConfigurationError, match="RLIMIT_NOFILE is 255, and programs need 256:"):
        host.fit_to_host(ExecutorSettings(), mechanisms)


class _Sandbox:
    """Runs each job until the test ends it."""

    def __init__(self) -> None:
        self.running: dict[int, asyncio.Event] = {}

    async def run(self, job: Job) -> list[StepResult]:
        ended = self.running[job.steps[0].limits.memory_bytes] = asyncio.Event()
        await ended.wait()
        return []


def _job(memory_bytes: int, judge: JudgeJob | None = None) -> Job:
    step = Step(("true",), {}, replace(TINY, memory_bytes=memory_bytes), 1)
    return Job({}, (step,), Template(1, TINY), judge=judge)


async def test_programs_wait_if_one_that_fills_our_memory_would_end_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "memory_that_ends_all", lambda: 1000)
    sandbox = _Sandbox()
    bounded = host.bounded(sandbox)
    talking = _job(300, JudgeJob(_job(100), frozenset()))
    tasks = [asyncio.create_task(bounded.run(job)) for job in (_job(350), talking, _job(1), _job(2000), _job(2))]

    async def running() -> set[int]:
        for _ in range(10):
            await asyncio.sleep(0)
        return set(sandbox.running)

    assert await running() == {350, 300}
    sandbox.running.pop(300).set()
    assert await running() == {350, 1}
    tasks[0].cancel()
    del sandbox.running[350]
    assert await running() == {1}
    sandbox.running.pop(1).set()
    assert await running() == {2000}
    sandbox.running.pop(2000).set()
    assert await running() == {2}
    sandbox.running[2].set()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_programs_do_not_wait_if_the_kernel_ends_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "memory_that_ends_all", lambda: None)
    sandbox = _Sandbox()
    assert host.bounded(sandbox) is sandbox
