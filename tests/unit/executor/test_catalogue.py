"""A language that is installed and does not work is left out, and the doctor says why."""

import io

import pytest
from rich.console import Console

from executor import catalogue
from executor.doctor.__main__ import Broken, Report, show
from executor.languages import known
from executor.sandbox.base import Job, StepResult


class _FakeSandbox:
    """Runs nothing. Every tool but Lua's prints a version."""

    async def run(self, job: Job) -> list[StepResult]:
        (step,) = job.steps
        if step.argv[0] == "/lua":
            return [StepResult(exit_code=127, stdout=b"liblua.so: cannot open shared object file")]
        return [StepResult(exit_code=0, stdout=b"version 1.2.3")]


async def test_a_language_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    only = {code: known()[code] for code in ("bash", "lua", "bc")}
    monkeypatch.setattr("executor.languages.known", lambda: only)
    monkeypatch.setattr(
        "executor.languages.base.Language.toolchain", lambda self: {name: f"/{name}" for name in self.tools}
    )
    installed, broken = await catalogue.examine(_FakeSandbox(), 2)
    assert list(installed) == ["bash", "bc"]
    assert broken == {"lua": "liblua.so: cannot open shared object file"}


def test_the_doctor_names_a_language_that_does_not_work() -> None:
    report = Report(True, "root", None, [], broken=[Broken("lua", "Lua", "liblua.so:\n cannot open [it]")])
    text = io.StringIO()
    show(report, Console(file=text, width=60))
    assert "Lua is installed and does not work: liblua.so: cannot open [it]\n" in text.getvalue()
