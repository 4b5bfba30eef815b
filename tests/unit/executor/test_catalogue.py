"""A language that is installed and does not work is left out."""

import asyncio

import pytest

from executor import wire
from executor.catalogue import find
from executor.catalogue.chosen import Chosen
from executor.languages import known
from executor.languages.base import InstalledLibrary
from executor.sandbox.base import Job, StepResult
from executor.settings import ExecutorSettings
from shared.engine_api.languages import position_of
from tests.fixtures.sandbox import FakeSandbox

_WORKS = StepResult(0, stdout=b"version 1.2.3")


def _all_but_lua(job: Job) -> StepResult:
    if job.step.argv[0] == "/lua":
        return StepResult(127, stdout=b"liblua.so: cannot open shared object file")
    return _WORKS


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be three languages, all of whose tools are on the machine."""
    monkeypatch.setattr("executor.languages.known", lambda: {code: known()[code] for code in ("bash", "lua", "bc")})
    monkeypatch.setattr(
        "executor.languages.base.LanguageDefinition.toolchain",
        lambda self, programs: {name: f"/{name}" for name in self.tools},
    )


@pytest.mark.usefixtures("three")
async def test_a_language_that_fails_is_left_out_and_found_later() -> None:
    def slow(job: Job) -> StepResult:
        looks = sum(job.step.argv[0] == "/lua" for job in sandbox.jobs)
        return _all_but_lua(job) if looks < 3 else _WORKS

    sandbox = FakeSandbox(slow)
    installed, broken = await find.examine(sandbox, 2)
    assert list(installed) == ["bash", "bc"]
    assert broken == {"lua": "liblua.so: cannot open shared object file"}
    # It ends when no language is left out.
    await asyncio.wait_for(find.look_again(sandbox, installed, after_s=0, again_s=0), 30)
    assert sorted(installed) == ["bash", "bc", "lua"]
    assert list(installed) == sorted(installed, key=position_of)


@pytest.mark.usefixtures("three")
async def test_no_more_tools_run_at_once_than_asked_for() -> None:
    sandbox = FakeSandbox(lambda job: _WORKS)
    await find.examine(sandbox, 2)
    assert sandbox.max_at_once == 2


async def test_a_library_that_cannot_be_imported_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def imports(job: Job) -> StepResult:
        if job.step.argv[1:] == ("-c", "import broken, other"):
            return StepResult(1, stdout=b"ImportError: it is broken\n")
        return StepResult(0, stdout=b"Python 3.13.5")

    monkeypatch.setattr("executor.languages.known", lambda: {"py": known()["py"]})
    libraries = (
        InstalledLibrary("Good", "1", ("good",)),
        InstalledLibrary("broken", "2", ("broken", "other")),
        InstalledLibrary("data", "3", ()),
    )
    installed, _ = await find.examine(FakeSandbox(imports), 1, Chosen({"py": libraries}))
    assert [one.fault for one in installed["py"].libraries] == ["", "ImportError: it is broken", ""]
    listed = wire.describe(installed["py"], ExecutorSettings()).libraries
    assert listed
    assert [(one.name, one.version) for one in listed] == [("Good", "1"), ("data", "3")]
