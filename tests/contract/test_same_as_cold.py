"""A program has the same output, errors and exit code from a cold and a warm runtime, from javac and the shared javac,
and with and without precompiled headers.

Each program in `programs/` runs in an executor that starts everything cold, and in one that has runtimes, javac and
headers ready. All get the same input; `Case` holds the rest of a program's request.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from executor.languages import known
from executor.settings import ExecutorSettings
from executor.warm.__main__ import precompile
from shared.engine_api.run_call.events import Compiled, TestEnded
from tests.contract.programs_of_files import ARGUMENTS, SEVERAL, WORDS
from tests.fixtures import run_call
from tests.fixtures.executor import running_executor
from tests.fixtures.languages import need_language
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)  # the first test waits until all runtimes are ready

_INPUT = "3\nalpha beta\n\nçé last"
_FOLDER = Path(__file__).parent / "programs"
_TOLD = ("verdict", "output", "error", "exit_code", "signal", "truncated")
#: The programs of the ordinary run: one or two of each way in which a warm runtime could differ. The slow run has all.
_QUICK: dict[str, tuple[str, ...]] = {
    "py": (
        "async", "atexit_order", "broken_pipe", "context_clean", "deep_recursion", "descriptors", "environment",
        "exit_text", "flags", "forks", "identity", "imports_itself", "input_all_ways", "inspects", "killed", "limits",
        "modules_hidden", "pickle_main", "random_differs", "signals", "stdout_full", "syntax_error",
        "thread_outlives_main", "uncaught", "unicode", "writes_module",
    ),
    "js": (
        "children", "collected", "deep", "exit_code_set", "globals",
        "heap_is_bounded", "identity", "input_by_lines", "input_piped", "killed", "module", "much_output", "order",
        "own_modules", "process_state", "random", "rejection", "require_missing", "signal_handled", "stack",
        "syntax_error", "threads", "throw_error", "unsettled", "worker",
    ),
    "java": (
        "annotations", "files", "hello", "lambda_text", "many_errors", "no_main", "throws", "warnings_and_errors",
    ),
    # C++ takes seconds to compile without precompiled headers, and so do the headers. `test_precompiled_headers` has
    # some of such programs.
    "cpp": (),
}  # fmt: skip
#: Programs that print their file's name; each is also run under another name.
_RENAMED = {
    "py": ("imports_itself", "inspects", "pickle_main", "syntax_error", "uncaught"),
    "js": ("identity", "module", "require_missing", "own_modules", "syntax_error", "unsettled", "worker"),
    "cpp": ("errors_below_a_comment",),
}
#: The suffix of the other name, if it is not that of the program's file.
_SUFFIXES = {"unsettled": ".mjs"}
#: How long a runtime may take to get ready.
_READY_S = 120


@dataclass(frozen=True)
class Case:
    language: str
    name: str
    source: str
    request: dict[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.language}-{self.name}"


def _cases() -> Iterator[Case]:
    for path in sorted(_FOLDER.glob("*/*")):
        if path.parent.name in _QUICK and path.suffix == f".{path.parent.name}":
            case = Case(path.parent.name, path.stem, path.read_text())
            yield case
            if case.name in _RENAMED.get(case.language, ()):
                suffix = _SUFFIXES.get(case.name, path.suffix)
                yield replace(case, name=f"{case.name}-renamed", request={"filename": f"own-name{suffix}"})


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    is_quick = case.name.removesuffix("-renamed") in _QUICK[case.language]
    return [] if is_quick else [pytest.mark.slow]


_CASES = list(_cases())


@pytest.fixture(scope="module")
def cold() -> Iterator[str]:
    with running_executor(warm_boxes="0", compile_cache_bytes="0") as running:
        yield running.url


@pytest.fixture(scope="module")
def warm(cold: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    has_cpp = any(item.nodeid.partition("[")[2].startswith("cpp") for item in request.session.items)
    # Without C++, the files that are made ahead are those of this machine's other executors.
    folder = tmp_path_factory.mktemp("cache") if has_cpp else None
    asyncio.run(precompile(ExecutorSettings().tuned(cache_dir=folder, precompile_headers=has_cpp)))
    with running_executor(
        compile_cache_bytes="0", cache_dir=str(folder or ""), precompile_headers=str(has_cpp)
    ) as running:
        asyncio.run(_await_readiness(cold, running.url))
        yield running.url


async def _await_readiness(cold: str, warm: str) -> None:
    """Wait until a program, or its compilation, uses far less CPU time than the start of its runtime or compiler."""
    for language in ("py", "js", "java"):
        if known()[language].toolchain():
            start = await _start_s(cold, language)

            async def waits(language: str = language, start: float = start) -> bool:
                return await _start_s(warm, language) <= start / 2

            await eventually(waits, _READY_S, f"{language} waits")


async def _start_s(url: str, language: str) -> float:
    """Return the CPU seconds of the reference program's first step."""
    reference = known()[language].reference
    tests = [{"stdin": reference.input}]
    events = await run_call.events(url, language, {f"Greeting.{language}": reference.source}, tests=tests)
    return next(event.cpu_s for event in events if isinstance(event, Compiled | TestEnded))


async def _run(client: httpx.AsyncClient, url: str, case: Case) -> dict[str, Any]:
    body = {"language": case.language, "code": case.source, "input": _INPUT, **case.request}
    answer: dict[str, Any] = (await client.post(url, json=body)).json()
    return answer


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case), marks=_marks(case)) for case in _CASES])
async def test_a_warm_program_behaves_like_a_cold_one(case: Case, cold: str, warm: str) -> None:
    need_language(case.language)
    async with httpx.AsyncClient(timeout=120) as client:
        answers = await asyncio.gather(_run(client, cold, case), _run(client, warm, case))
    from_cold, from_warm = ({name: _without_addresses(answer.get(name)) for name in _TOLD} for answer in answers)
    assert from_warm == from_cold


@pytest.mark.parametrize("language", ["js", "py"])
async def test_files_and_arguments_reach_a_warm_program(language: str, cold: str, warm: str) -> None:
    """`POST /run` gives them to runtimes that have started before they were known."""
    need_language(language)
    tests = [{"args": WORDS}, {}]
    source = {f"main.{language}": ARGUMENTS[language]}
    expected = ["".join(f"[{word}]" for word in WORDS), ""]
    for url in (cold, warm):
        assert [test.stdout for test in await run_call.tests(url, language, source, tests=tests)] == expected
        several = await run_call.tests(url, language, {**SEVERAL[language], "data/x": "found"}, tests=[{}, {}])
        assert [(test.stdout, test.stderr) for test in several] == [("42 found\n", "")] * 2


def _without_addresses(value: Any) -> Any:
    """Remove the addresses, which the kernel chooses at random."""
    return re.sub(r"\b0x[0-9a-f]{6,}", "0x", value) if isinstance(value, str) else value
