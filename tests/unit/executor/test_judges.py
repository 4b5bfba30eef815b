"""How the pipeline judges tests by a program, with a fake sandbox."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from executor.pipeline.judges import files_beside
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, LeftOut, OutFolder, SandboxFailure, StepResult, WorkFile
from executor.settings import MIB, ExecutorSettings
from shared.common.service.errors import ConfigurationError
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, JudgeFailed, TestEnded
from tests.fixtures.languages import fake_installed
from tests.fixtures.sandbox import FakeSandbox, compiles, ended_in, run_judged

_OK: Final = StepResult(0, cpu_s=1.0, wall_s=1.0)
_ACCEPTS: Final = replace(_OK, exit_code=42, cpu_s=0.25)
_INSTALLED: Final = {code: fake_installed(code) for code in ("c", "py", "cpp")}


class _Sandbox(FakeSandbox):
    """Compiles anything but what contains `wrong`. A program's output is its input, and a judge ends as `judge` says of
    its input."""

    def __init__(self, judge: Callable[[bytes], StepResult] = lambda text: _ACCEPTS, program: StepResult = _OK) -> None:
        super().__init__(self._end)
        self._judge = judge
        self._program = program
        self.compiled: list[Job] = []
        self.programs: list[Job] = []
        self.judges: list[Job] = []

    def _end(self, job: Job) -> StepResult:
        if compiles(job):
            self.compiled.append(job)
            if any(b"wrong" in file.content for file in job.files.values()):
                return replace(_OK, exit_code=1, stdout=b"main.c:1: error\x1b")
            return replace(_OK, compiled_files={"main": WorkFile(b"compiled")})
        if job.given:
            self.judges.append(job)
            return self._judge(job.given["input"])
        self.programs.append(job)
        stdin = job.step.stdin
        assert isinstance(stdin, bytes)
        return replace(self._program, stdout=b"printed " + stdin)


def _program(source: str = "judge", **fields: Any) -> dict[str, Any]:
    return {"kind": "program", "program": {"language": "c", "files": [{"path": "j.c", "content": source}], **fields}}


async def _run(
    sandbox: Any,
    checker: dict[str, Any],
    settings: ExecutorSettings | None = None,
    pipeline: Pipeline | None = None,
    language: str = "c",
    **fields: Any,
) -> list[Compiled | JudgeFailed | TestEnded]:
    pipeline = pipeline or Pipeline(sandbox, settings or ExecutorSettings())
    return await run_judged(pipeline, language, find_language=_INSTALLED.get, checker=checker, **fields)


async def test_both_are_compiled_once_and_each_test_has_a_box_of_both() -> None:
    sandbox = _Sandbox()
    pipeline = Pipeline(sandbox, ExecutorSettings())
    tests = [{"stdin": f"{number}", "expected_output": "secret"} for number in range(5)]
    for _ in range(2):
        events = await _run(sandbox, _program(), pipeline=pipeline, tests=tests)
        assert [event.event for event in events] == ["compiled", *["test"] * 5]
        assert {event.verdict for event in ended_in(events)} == {Verdict.ACCEPTED}
    assert [set(job.files) for job in sandbox.compiled] == [{"main.c"}, {"j.c"}]
    assert [set(job.files) for job in sandbox.programs] == [{"main.c", "main"}] * 10
    assert [set(job.files) for job in sandbox.judges] == [{"j.c", "main"}] * 10


async def test_an_author_is_told_no_answer_of_a_hidden_test() -> None:
    """testlib has one text, which often names what was expected."""
    sandbox = _Sandbox(lambda text: replace(_OK, exit_code=1, stderr=b"wrong answer expected 5"))
    events = ended_in(await _run(sandbox, _program(protocol="testlib"), tests=[{"hidden": True}, {}]))
    assert [(event.message, event.judge_message) for event in events] == [
        (None, "expected 5"),
        ("expected 5", "expected 5"),
    ]


@pytest.mark.parametrize("hidden", [True, False])
async def test_what_a_judge_says_is_in_the_event(hidden: bool) -> None:
    files = {"teammessage.txt": b"for you", "judgemessage.txt": b"for us", "score.txt": b"0.5"}
    sandbox = _Sandbox(lambda text: replace(_ACCEPTS, stdout=b"ignored", out_folder=OutFolder(files)))
    (event,) = ended_in(await _run(sandbox, _program(), tests=[{"hidden": hidden}]))
    assert (event.verdict, event.message, event.judge_message, event.points_awarded, event.judge_cpu_s) == (
        Verdict.ACCEPTED, "for you", "for us", 0.5, 0.25,
    )  # fmt: skip
    assert (event.stdout, event.diff, event.exit_code, event.cpu_s) == ("printed ", None, 0, 1.0)


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        (replace(_OK, exit_code=42), Verdict.RUNTIME_ERROR),
        (replace(_OK, exit_code=None, signal=11), Verdict.RUNTIME_ERROR),
        (replace(_OK, stopped="cpu"), Verdict.TIME_LIMIT),
        (replace(_OK, stopped="memory"), Verdict.MEMORY_LIMIT),
        (replace(_OK, stopped="output"), Verdict.OUTPUT_LIMIT),
    ],
)
async def test_only_a_program_that_ended_well_is_judged(program: StepResult, verdict: Verdict) -> None:
    sandbox = _Sandbox(program=program)
    (event,) = ended_in(await _run(sandbox, _program()))
    assert (event.verdict, event.judge_cpu_s, sandbox.judges) == (verdict, 0, [])


def _by_input(**ends: StepResult) -> Callable[[bytes], StepResult]:
    return lambda text: ends.get(text.decode(), _ACCEPTS)


@pytest.mark.parametrize("stops", [True, False])
async def test_no_test_is_run_after_a_judge_has_failed(stops: bool) -> None:
    judge = _by_input(b=replace(_OK, exit_code=43), c=replace(_OK, exit_code=1, stderr=b"why"))
    tests = [{"stdin": name} for name in "abcde"]
    events = ended_in(await _run(_Sandbox(judge), _program(), tests=tests, stop_at_first_failure=stops))
    assert [event.verdict for event in events][:2] == [Verdict.ACCEPTED, Verdict.WRONG_ANSWER]
    assert len(events) == (2 if stops else 3)
    if not stops:
        assert (events[2].verdict, events[2].message) == (Verdict.JUDGE_ERROR, None)
        assert (events[2].judge_message or "").endswith("\nwhy")


async def test_a_judge_in_a_language_that_is_not_here_ends_the_run() -> None:
    _, failed = await _run(_Sandbox(), _program(language="klingon"))
    message = "The language of the checker, 'klingon', is not on this server."
    assert failed == JudgeFailed(judge="checker", judge_message=message)


class _WithoutHeaders(_Sandbox):
    """Rejects what uses precompiled headers."""

    async def run(self, job: Job) -> StepResult:
        ended = await super().run(job)
        uses_headers = any("/headers/" in word for word in job.step.argv)
        return replace(_OK, exit_code=1) if uses_headers else ended


async def test_a_judge_that_headers_break_is_compiled_without_them() -> None:
    sandbox = _WithoutHeaders()
    files = [{"path": "j.cpp", "content": "#include <bits/stdc++.h>"}]
    (_, event) = await _run(sandbox, _program(language="cpp", files=files))
    assert isinstance(event, TestEnded)
    assert (event.verdict, len(sandbox.compiled)) == (Verdict.ACCEPTED, 3)


async def test_an_interpreted_program_and_judge_compile_nothing() -> None:
    sandbox = _Sandbox()
    files = [{"path": "main.py", "content": "x"}]
    (event,) = await _run(sandbox, _program(language="py"), language="py", files=files)
    assert (event.event, sandbox.compiled) == ("test", [])


async def test_a_judge_with_a_script_is_built_once() -> None:
    sandbox = _Sandbox()
    files = [{"path": "main.py", "content": "x"}]
    judge = _program(language="py", files=[*files, {"path": "build.py", "content": "x"}], build="build.py")
    events = ended_in(await _run(sandbox, judge, language="py", files=files, tests=[{}] * 3))
    assert [(event.verdict, event.judge_cpu_s) for event in events] == [(Verdict.ACCEPTED, 0.25)] * 3
    assert [set(job.files) for job in (*sandbox.compiled, *sandbox.judges)] == [
        {"main.py", "build.py"},
        *[{"main"}] * 3,
    ]


@pytest.mark.parametrize(
    ("asked", "cpu_s", "memory_bytes", "output_bytes"),
    [
        ({}, 10.0, 2048 * MIB, 8 * MIB),
        ({"cpu_s": 1.0, "memory_bytes": 64 * MIB, "output_bytes": 1000}, 1.0, 64 * MIB, 1000),
        ({"output_bytes": 64 * MIB}, 10.0, 2048 * MIB, 64 * MIB),
    ],
)
async def test_a_judge_has_limits_of_its_own(
    asked: dict[str, Any], cpu_s: float, memory_bytes: int, output_bytes: int
) -> None:
    sandbox = _Sandbox()
    await _run(sandbox, _program(limits=asked), limits={"cpu_s": 2.0, "memory_bytes": 32 * MIB})
    (judge,) = sandbox.judges
    step = judge.step
    assert (step.limits.cpu_s, step.limits.memory_bytes, step.output_bytes) == (cpu_s, memory_bytes, output_bytes)
    assert judge.out_limits
    assert (judge.out_limits.bytes, judge.out_limits.folder) == (output_bytes, "/box/feedback")


@pytest.mark.parametrize(("passes", "most"), [(1, 1024), (2, 192)])
async def test_a_next_pass_gets_few_feedback_files(passes: int, most: int) -> None:
    ended = replace(_ACCEPTS, out_folder=OutFolder({}, {LeftOut.TOO_MANY: 1}))
    sandbox = _Sandbox(lambda _: ended)
    (test,) = ended_in(await _run(sandbox, _program(), passes=passes))
    assert sandbox.judges[0].out_limits
    assert sandbox.judges[0].out_limits.files == most
    assert (test.verdict, test.judge_message) == (
        Verdict.JUDGE_ERROR, f"The checker wrote more than {most} feedback files.",
    )  # fmt: skip


async def test_files_of_the_operator_stand_beside_those_of_a_judge(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("testlib.h", "j.c", "lib"):
        (tmp_path / name).write_bytes(b"\xff" + name.encode())
    files = [{"path": "j.c", "content": "own"}, {"path": "lib/x.h", "content": "own"}]
    sandbox = _Sandbox()
    await _run(sandbox, _program(files=files), ExecutorSettings(checker_files=tmp_path))
    contents = {name: file.content for name, file in sandbox.compiled[1].files.items()}
    assert contents == {"testlib.h": b"\xfftestlib.h", "j.c": b"own", "lib/x.h": b"own"}
    assert "testlib.h" not in sandbox.programs[0].files


def test_a_folder_of_the_operator_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PRECIEUX_CHECKER_FILES"):
        files_beside(tmp_path / "missing")


async def test_a_sandbox_that_ends_a_judge_is_no_verdict() -> None:
    with pytest.raises(SandboxFailure, match="the checker was stopped: killed"):
        await _run(_Sandbox(lambda text: replace(_ACCEPTS, stopped="killed")), _program())
