"""A language whose own program fails is marked, and the mark goes when it works again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from executor import wire
from executor.catalogue.installed import Installed
from executor.doctor import language_check
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, SandboxFailure, StepResult, WorkFile
from executor.settings import ExecutorSettings
from executor.slots import Slots
from tests.fixtures.languages import fake_installed
from tests.fixtures.sandbox import FakeSandbox
from tests.waiting import eventually

_SETTINGS = ExecutorSettings()
_WORKS = StepResult(exit_code=0, stdout=b"Hello, world!\n")


def _sandbox(ends: Mapping[str, StepResult | SandboxFailure]) -> FakeSandbox:
    """Return a sandbox where the programs of each tool end as `ends` says, and those of the others well."""

    def run(job: Job) -> StepResult:
        end = ends.get(job.step.argv[0].removeprefix("/bin/"), _WORKS)
        if isinstance(end, SandboxFailure):
            raise end
        return replace(end, compiled_files={"main": WorkFile(b"")})

    return FakeSandbox(run)


def _installed(*codes: str) -> dict[str, Installed]:
    return {code: fake_installed(code) for code in codes}


@contextlib.asynccontextmanager
async def _marking(sandbox: FakeSandbox, installed: dict[str, Installed], slots: Slots) -> AsyncIterator[None]:
    marking = asyncio.create_task(language_check.mark_faults(Pipeline(sandbox, _SETTINGS), installed, slots, after_s=0))
    try:
        yield
    finally:
        marking.cancel()
        await asyncio.gather(marking, return_exceptions=True)


async def test_the_check_says_why_a_program_failed() -> None:
    ends: dict[str, StepResult | SandboxFailure] = {
        "lua": StepResult(exit_code=1, stderr=b"module 'os'\n not found"),
        "perl": StepResult(exit_code=0, stdout=b"Hello, moon!\n"),
        "ruby": SandboxFailure("no box"),
    }
    found = await language_check.faults(Pipeline(_sandbox(ends), _SETTINGS), _installed("bash", "lua", "pl", "rb"))
    assert found.keys() == {"lua", "pl", "rb"}
    assert found["lua"].startswith("runtime_error: ")
    assert "module 'os' not found" in found["lua"]
    assert found["pl"] == r"it wrote 'Hello, moon!\n' in place of 'Hello, world!\n'"
    assert found["rb"] == "the sandbox failed"


async def test_a_fault_is_listed_until_the_language_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_check, "_AGAIN_S", 0)
    ends = {"lua": StepResult(exit_code=1, stderr=b"no library")}
    sandbox, installed = _sandbox(ends), _installed("bash", "lua")

    def listed() -> dict[str, str | None]:
        rows = wire.language_list(installed, _SETTINGS).supported_languages
        return {row.language: row.fault for row in rows}

    async with _marking(sandbox, installed, Slots(1, 1)):
        await eventually(lambda: listed()["lua"])
        assert "no library" in str(listed()["lua"])
        assert listed()["bash"] is None
        ends.clear()
        await eventually(lambda: listed()["lua"] is None)
    jobs = len(sandbox.jobs)
    async with _marking(sandbox, installed, Slots(1, 1)):
        await eventually(lambda: len(sandbox.jobs) == jobs + 2)


async def test_a_fault_of_another_toolchain_is_listed() -> None:
    """The language itself works, and has the fault of a version that can be asked for by its name."""
    ends: dict[str, StepResult | SandboxFailure] = {"lua": StepResult(exit_code=1, stderr=b"no library")}
    sandbox, installed = _sandbox(ends), _installed("bash")
    installed["bash"] = replace(installed["bash"], others=(fake_installed("lua"),))
    async with _marking(sandbox, installed, Slots(1, 1)):
        await eventually(lambda: installed["bash"].any_fault)
    assert installed["bash"].fault is None
    assert str(installed["bash"].any_fault).startswith("lua: runtime_error: no library")


async def test_the_tools_own_words_say_more_than_the_sandboxs() -> None:
    installed = _installed("lua")
    installed["lua"] = replace(installed["lua"], fault="lua: no such file")
    sandbox = _sandbox({"lua": SandboxFailure("no program")})
    assert await language_check.faults(Pipeline(sandbox, _SETTINGS), installed) == {"lua": "lua: no such file"}
    async with _marking(sandbox, installed, Slots(1, 1)):
        await eventually(lambda: sandbox.jobs[1:])
    assert installed["lua"].fault == "lua: no such file"


async def test_the_check_takes_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_check, "_FULL_S", 0)
    sandbox, installed = _sandbox({}), _installed("bash")
    slots = Slots(1, queue=0, express=0)
    async with _marking(sandbox, installed, slots):
        async with slots.take("user"):
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(sandbox.jobs) == 0
        await eventually(lambda: len(sandbox.jobs) == 1)
