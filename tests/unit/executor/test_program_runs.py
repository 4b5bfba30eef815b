"""How the pipeline runs the tests of a program, with a fake sandbox."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from weakref import ref

import pytest

from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, LeftOut, OutFolder, Sandbox, SandboxFailure, StepResult, WorkFile, all_files
from executor.settings import ExecutorSettings
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, TestEnded
from shared.engine_api.run_call.request import ProgramRequest
from tests.fixtures.sandbox import FakeSandbox, compiles, ended_in, run_tests

_OK = StepResult(0, None, 1.0, 1.0, 1, None, b"", b"")


def _boxes(
    program: Callable[[int], StepResult] = lambda box: _OK, size: int = 1, second: StepResult = _OK
) -> FakeSandbox:
    """Return a sandbox whose programs end as `program(number of the run)` says.

    A compiler makes `main`. What is compiled again ends as `second` the second time.
    """

    def ends(job: Job) -> StepResult:
        if not compiles(job):
            return program(len(boxes.runs))
        ended = second if len(boxes.compilations) == 2 else _OK
        return replace(ended, stdout=ended.stdout or b"a warning", compiled_files={"main": WorkFile(bytes(size))})

    boxes = FakeSandbox(ends)
    return boxes


async def _run(sandbox: Sandbox, code: str = "c", slots: int = 1, **fields: Any) -> list[Compiled | TestEnded]:
    settings = fields.pop("settings", ExecutorSettings())
    return await run_tests(Pipeline(sandbox, settings), code, slots, **fields)


async def test_a_large_program_is_kept_for_its_own_tests_only() -> None:
    """One program may not take more than its part of the cache."""
    sandbox = _boxes(size=20 << 20)
    pipeline = Pipeline(sandbox, ExecutorSettings())
    for _ in range(2):
        await run_tests(pipeline, "c", tests=[{}, {}])
    assert [compiles(job) for job in sandbox.jobs] == [True, False, False] * 2


async def test_a_cached_program_reports_its_warnings_and_files_again() -> None:
    sandbox = _with_out({"a": b""})
    pipeline = Pipeline(sandbox, ExecutorSettings())
    first, again = [await run_tests(pipeline, "c", artifacts=True) for _ in range(2)]
    assert [compiles(job) for job in sandbox.jobs] == [True, False, False]
    assert isinstance(first[0], Compiled)
    assert again[0] == first[0].model_copy(update={"cpu_s": 0.0, "wall_s": 0.0, "memory_bytes": 0})


@pytest.mark.parametrize(
    ("stopped", "error"), [(None, ""), ("cpu", "Compilation: Time limit exceeded: stopped after 30 s of CPU time.")]
)
async def test_a_later_rejection_is_the_verdict_of_its_test(stopped: str | None, error: str) -> None:
    """A build script runs again before each test."""
    sandbox = _boxes(second=replace(_OK, exit_code=1, stdout=b"an error", stopped=stopped))
    tests = [{"expected_output": ""}] * 3
    files = [{"path": "main.py", "content": "x"}]
    first, second, third = ended_in(await _run(sandbox, "py", files=files, build="main.py", tests=tests))
    assert [first.verdict, third.verdict] == [Verdict.ACCEPTED] * 2
    assert (second.verdict, second.stopped, second.error) == (Verdict.COMPILE_ERROR, stopped, error)
    assert (second.stdout, second.stderr, second.truncated) == ("", "an error", [])
    assert (second.exit_code, second.cpu_s) == (1, 1.0)
    assert [compiles(job) for job in sandbox.jobs] == [True, False, True, True, False]


async def test_a_program_has_what_its_build_script_left() -> None:
    """The script may also change or remove files."""
    sandbox = _boxes()
    await _run(sandbox, "py", files=[{"path": "main.py", "content": "x"}], build="main.py")
    assert [set(job.files) for job in sandbox.runs] == [{"main"}]


async def test_what_a_build_script_left_is_kept_for_one_test_only() -> None:
    """It may be large. A test that has ended, and waits for those before it, keeps nothing of it."""
    made: list[ref[WorkFile]] = []
    kept: list[int] = []

    class Boxes:
        async def run(self, job: Job) -> StepResult:
            if not compiles(job):
                return _OK
            kept.append(sum(earlier() is not None for earlier in made))
            file = WorkFile(b"large")
            made.append(ref(file))
            return replace(_OK, compiled_files={"main": file})

    files = [{"path": "main.py", "content": "x"}]
    await _run(Boxes(), "py", files=files, build="main.py", tests=[{}] * 5)
    assert kept == [0] * 5


@pytest.mark.parametrize(
    ("code", "memory_bytes", "compilers_bytes", "most"),
    [
        ("py", None, None, 128 << 20),
        ("py", 32 << 20, None, 32 << 20),
        ("py", 64 << 20, 32 << 20, 32 << 20),
        ("c", 32 << 20, None, 128 << 20),  # what is compiled serves for tests with other limits, and for others
        ("c", None, 32 << 20, 32 << 20),
    ],
)
async def test_what_is_compiled_counts_as_memory(
    code: str, memory_bytes: int | None, compilers_bytes: int | None, most: int
) -> None:
    sandbox = _boxes()
    limits, compile_limits = {"memory_bytes": memory_bytes}, {"memory_bytes": compilers_bytes}
    files = [{"path": f"main.{code}", "content": "x"}]
    build = files[0]["path"] if code == "py" else None
    await _run(sandbox, code, files=files, build=build, limits=limits, compile_limits=compile_limits)
    (compilation,) = sandbox.compilations
    assert compilation.out_limits == all_files(most)


_LEFT: Final = {"main": WorkFile(b"x")}


@pytest.mark.parametrize(
    ("compiled_files", "reason", "output"),
    [
        (_LEFT, None, ""),
        ({}, None, "There are no compiled files."),
        ({}, LeftOut.TOO_MANY, "The compiled files are over 3072, or their paths are too long or too deep."),
        ({}, LeftOut.TOO_LARGE, "The compiled files are over 64 MiB."),
        ({}, LeftOut.NOT_A_FILE, "There is something else than files, folders and links among the compiled files."),
        ({}, LeftOut.UNREADABLE, "There is a file or folder among the compiled files that cannot be read."),
        ({"a": WorkFile(b""), "a/b": WorkFile(b"")}, None, "There is a file or link in place of the folder 'a'."),
    ],
)
async def test_why_compiled_files_are_not_taken(
    compiled_files: dict[str, WorkFile], reason: LeftOut | None, output: str
) -> None:
    ended = StepResult(0, out_folder=OutFolder(left_out={reason: 1} if reason else {}), compiled_files=compiled_files)
    limits = {"memory_bytes": 64 << 20}
    compiled, *tests = await _run(FakeSandbox(lambda job: ended), compile_limits=limits)
    assert isinstance(compiled, Compiled)
    assert (compiled.output, compiled.verdict) == (output, Verdict.COMPILE_ERROR if output else None)
    assert len(tests) == (0 if output else 1)


def _fails_in(failing: int) -> Callable[[int], StepResult]:
    return lambda box: replace(_OK, exit_code=int(box == failing), stdout=b"1")


async def test_tests_run_at_once_where_there_are_slots() -> None:
    sandbox = _boxes(lambda box: replace(_OK, stdout=f"{box}".encode()))
    events = await _run(sandbox, slots=9, tests=[{}] * 9)
    assert [(event.number, event.stdout) for event in ended_in(events)] == [(n, f"{n}") for n in range(1, 10)]
    assert (len(sandbox.compilations), sandbox.max_at_once) == (1, 9)


async def test_no_test_runs_beside_one_that_may_be_the_last() -> None:
    sandbox = _boxes(_fails_in(2))
    events = await _run(sandbox, "py", slots=9, tests=[{}] * 4, stop_at_first_failure=True)
    assert (len(events), len(sandbox.jobs), sandbox.max_at_once) == (2, 2, 1)


async def test_the_sum_of_all_outputs_is_bounded() -> None:
    mib = 1 << 20
    sandbox = _boxes(lambda box: replace(_OK, stdout=b"o" * mib, stderr=b"e" * (mib // 2)))
    events = ended_in(await _run(sandbox, "py", tests=[{"expected_output": "o" * mib}] * 100))
    assert {event.verdict for event in events} == {Verdict.ACCEPTED}
    assert sum(len(event.stdout) + len(event.stderr) for event in events) == 16 * mib
    assert [event.truncated for event in events] == [[]] * 10 + [["stderr"]] + [["stdout", "stderr"]] * 89


async def test_a_kill_for_no_limit_is_a_failure_of_ours() -> None:
    with pytest.raises(SandboxFailure):
        await _run(_boxes(lambda box: replace(_OK, exit_code=None, stopped="killed")), "py")


async def test_a_stack_and_files_are_only_made_smaller() -> None:
    sandbox = _boxes()
    await _run(sandbox, "py", stack_bytes=1 << 20, file_bytes=2 << 20, merge_output=True)
    await _run(sandbox, "py", stack_bytes=1 << 40, file_bytes=1 << 40)
    low, high = (job.step for job in sandbox.jobs)
    assert (low.limits.stack_bytes, low.limits.file_bytes, low.merge_output) == (1 << 20, 2 << 20, True)
    assert (high.limits.stack_bytes, high.limits.file_bytes, high.merge_output) == (256 << 20, 128 << 20, False)


@pytest.mark.parametrize(
    ("asked", "address_space", "stack"),
    [
        ({}, 0, 256 << 20),
        ({"address_space_bytes": 1}, 16 << 20, 8 << 20),
        ({"address_space_bytes": 1 << 40}, 1 << 40, 1),
    ],
)
async def test_an_address_space_is_that_of_the_program_alone(
    asked: dict[str, int], address_space: int, stack: int
) -> None:
    """With it, the stack is small, since each thread has one. The request may say otherwise."""
    sandbox = _boxes()
    own_stack: dict[str, Any] = {"stack_bytes": stack} if stack == 1 else {}
    await _run(sandbox, "c", tests=[{"limits": asked}], **own_stack)
    compile_, run = (job.step.limits for job in sandbox.jobs)
    assert (run.address_space, run.stack_bytes) == (address_space, stack)
    assert (compile_.address_space, compile_.stack_bytes) == (0, 64 << 20)


def _with_out(files: dict[str, bytes], left_out: dict[LeftOut, int] | None = None) -> FakeSandbox:
    return _boxes(lambda box: replace(_OK, out_folder=OutFolder(files, left_out or {})))


@pytest.mark.parametrize("name", ["\udcff", "a\nb", "\x1b[31m", "a\\b", "gnp\u202e.exe"])
async def test_artifacts_with_misleading_names_are_left_out(name: str) -> None:
    (_, event) = await _run(_with_out({name: b"", "\u06a9\u200c.png": b""}, {LeftOut.TOO_LARGE: 1}), artifacts=True)
    assert isinstance(event, TestEnded)
    assert [one.name for one in event.artifacts or ()] == ["\u06a9\u200c.png"]
    assert event.artifacts_left_out == {LeftOut.TOO_LARGE: 1, LeftOut.BAD_NAME: 1}


@pytest.mark.parametrize(("asked", "max_bytes"), [(False, 7), (True, 0)])
async def test_artifacts_are_collected_only_if_wanted(asked: bool, max_bytes: int) -> None:
    sandbox = _boxes()
    (_, event) = await _run(sandbox, artifacts=asked, settings=ExecutorSettings(artifact_bytes=max_bytes))
    assert [job.out_limits for job in sandbox.runs] == [None]
    assert isinstance(event, TestEnded)
    assert event.artifacts is None


_MANY: Final = [f"{number:03}{'x' * 125}" for number in range(256)]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"artifacts": True, "repeat": 2}, "`artifacts` goes with a single run only"),
        ({"fetch": ["a"], "tests": [{}, {}]}, "`fetch` goes with a single run only"),
        ({"live_output": True, "tests": [{}, {}]}, "`live_output` goes with a single run only"),
        ({"fetch": ["a"], "artifacts": True}, "do not go together"),
        *(
            ({"fetch": [path]}, "The path ")
            for path in ("", "../x", "a/../x", "/tmp/../x", "/tmp/", "/tmp", "/etc/passwd", "/proc/self/mem", "a\0")
        ),
        ({"fetch": ["a"] * 257}, "at most 256"),
        ({"fetch": _MANY, "interpreter_args": ["x"]}, "over 32768 bytes together"),
        ({"fetch": _MANY, "tests": [{"args": ["x"]}]}, "over 32768 bytes together"),
        ({"interpreter_args": ["a\0b"]}, "a NUL"),
        ({"interpreter_args": ["x"] * 257}, "256 arguments"),
        ({"limits": {"address_space_bytes": 0}}, "greater than 0"),
        ({"compile_limits": {"address_space_bytes": 1}}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_a_run_is_refused(fields: dict[str, Any], fault: str) -> None:
    plain = {"language": "c", "files": [{"path": "main.c", "content": "x"}]}
    with pytest.raises(ValueError, match=fault):
        ProgramRequest.model_validate({**plain, **fields}, strict=False)


def test_the_most_paths_fit_a_run() -> None:
    plain = {"language": "c", "files": [{"path": "main.c", "content": "x"}]}
    assert ProgramRequest.model_validate({**plain, "fetch": _MANY}, strict=False).fetch == tuple(_MANY)
