"""Speed-ups are set up at the start for Python, and for Node at its first program."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.catalogue.installed import Installed
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, SandboxFailure, StepResult, Template, WorkFile
from executor.settings import ExecutorSettings
from executor.warm.warm import Warm
from shared.engine_api.codex import RunRequest
from tests.fixtures.languages import fake_installed
from tests.waiting import eventually

_SETTINGS = ExecutorSettings()


class _Sandbox:
    """Every reference program works. `kept` has the commands of the zygotes whose boxes are wanted."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        #: The number of runs that fail from now on, and that of all runs.
        self.failing = self.runs = 0

    async def run(self, job: Job) -> StepResult:
        self.runs += 1
        if self.runs <= self.failing:
            raise SandboxFailure("there is no memory")
        return StepResult(0, stdout=b"Hello, world!\n", compiled_files={"std/time.a": WorkFile(b"made")})

    def keep_ready(self, template: Template, count: int, idle_s: float) -> None:
        assert template.zygote
        self.kept.add(" ".join(template.zygote.argv))

    def keeps(self, program: str) -> bool:
        return any(program in command for command in self.kept)


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def _place(warm: Warm, code: str, source: str = "1", installed: Installed | None = None) -> Job:
    """Return the job of a small program, as the speed-ups change it."""
    installed = installed or fake_installed(code)
    planned = plan_source(RunRequest(language=code, code=source), installed, _SETTINGS)
    return warm.place(planned.job, planned.program, installed)


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def test_pythons_zygote_starts_before_its_first_program() -> None:
    sandbox: Any = _Sandbox()
    warm = Warm(sandbox, _SETTINGS, [fake_installed("py")], None)
    await _settle()
    assert sandbox.keeps("/bin/python")
    assert _place(warm, "py").template.zygote
    await warm.aclose()


async def test_node_starts_with_its_first_program() -> None:
    sandbox: Any = _Sandbox()
    warm = Warm(sandbox, _SETTINGS, [fake_installed("js")], None)
    await _settle()
    assert not sandbox.keeps("/bin/node")
    assert _place(warm, "js").template.zygote is None
    await _settle()
    assert sandbox.keeps("/bin/node")
    assert _place(warm, "js").template.zygote
    await warm.aclose()


async def test_libraries_are_imported_ahead_after_their_first_program() -> None:
    sandbox: Any = _Sandbox()
    warm = Warm(sandbox, _SETTINGS, [python := replace(fake_installed("py"), reserved=frozenset({"numpy"}))], None)
    await _settle()
    assert not sandbox.keeps("numpy")
    for modules in ((), ("numpy", "numpy.random")):
        template = _place(warm, "py", "import numpy", python).template
        await _settle()
        assert template.zygote
        assert template.zygote.argv[2:] == modules
    assert sandbox.keeps("numpy numpy.random")
    assert _place(warm, "py", "import os", python).template.zygote != template.zygote
    await warm.aclose()


@pytest.mark.parametrize("code", ["py", "js"])
async def test_an_executor_may_do_without_speed_ups(code: str) -> None:
    sandbox: Any = _Sandbox()
    warm = Warm(sandbox, ExecutorSettings().tuned(warm_boxes=0), [fake_installed(code)], None)
    assert _place(warm, code).template.zygote is None
    await _settle()
    assert sandbox.kept == set()


async def test_a_failed_set_up_is_tried_three_times_at_most() -> None:
    """Its proof runs beside programs, which may have taken the memory."""
    for failing, is_kept in ((2, True), (3, False)):
        sandbox: Any = _Sandbox()
        sandbox.failing = failing
        warm = Warm(sandbox, _SETTINGS, [fake_installed("js")], None)
        for _ in range(4):
            _place(warm, "js")
            await _settle()
        assert sandbox.runs == 3
        assert sandbox.keeps("/bin/node") is is_kept
        await warm.aclose()


async def test_files_that_were_not_made_are_tried_again(tmp_path: Path) -> None:
    sandbox: Any = _Sandbox()
    sandbox.failing = 1
    warm = Warm(sandbox, _SETTINGS, [fake_installed("go")], tmp_path)
    for _ in range(2):
        _place(warm, "go")
        await eventually(lambda: all(task.done() for task in warm._set_ups.values()), what="Go is set up")
    assert _files(tmp_path) == ["time.a"]
    await warm.aclose()
