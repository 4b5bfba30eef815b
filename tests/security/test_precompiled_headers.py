"""Precompiled headers save time. They change no program's behaviour, and no program can change them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from executor.host import find_mechanisms
from executor.languages import known
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, StepResult, WorkFile
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm import headers
from shared.engine_api.codex import RunRequest, RunResponse, Verdict
from tests.fixtures.languages import really_installed

_CPP = known()["cpp"]
_TOOLS = _CPP.toolchain()

pytestmark = [pytest.mark.security, pytest.mark.skipif(_TOOLS is None, reason="there is no C++ compiler")]

_MARKED = "#define MADE_AHEAD\n"
_TELL = """
#ifdef MADE_AHEAD
int main() { std::cout << "ahead\\n"; }
#else
int main() { std::cout << "plain\\n"; }
#endif
"""


class Marking:
    """Makes precompiled headers that a program can recognize."""

    def __init__(self, sandbox: BubblewrapSandbox) -> None:
        self._sandbox = sandbox

    async def run(self, job: Job) -> StepResult:
        files = dict(job.files)
        if name := next((name for name in files if name.endswith(".cpp")), None):
            files[name] = WorkFile(files[name].content + _MARKED.encode())
        return await self._sandbox.run(replace(job, files=files))


class Engine:
    def __init__(self, settings: ExecutorSettings) -> None:
        self.mechanisms = find_mechanisms(settings)
        self.sandbox = BubblewrapSandbox(self.mechanisms)
        self.pipeline = Pipeline(self.sandbox, settings)
        assert _CPP.compile
        assert _CPP.compile.headers
        compile_ = replace(_CPP.compile, headers=replace(_CPP.compile.headers, names=("iostream",)))
        self.cpp = replace(really_installed("cpp"), language=replace(_CPP, compile=compile_))

    async def run(self, code: str, language: str = "cpp") -> RunResponse:
        installed = self.cpp if language == "cpp" else really_installed(language)
        return await self.pipeline.run(RunRequest(code=code, language=language), installed)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(ExecutorSettings().tuned(cache_dir=tmp_path))
    yield engine
    await engine.sandbox.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def marked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """Return an engine whose headers a program can recognize. To make them takes seconds."""
    engine = Engine(ExecutorSettings().tuned(cache_dir=tmp_path_factory.mktemp("cache")))
    await headers.make(Marking(engine.sandbox), [engine.cpp], engine.mechanisms.headers)
    yield engine
    await engine.sandbox.aclose()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "ahead"),
        ("// A comment\n\n", "ahead"),
        ("#define OF_NO_CONCERN 1\n", "ahead"),
        ("#define NDEBUG\n", "ahead"),  # <iostream> does not include it
        ("#define _GLIBCXX_DEBUG\n", "plain"),
        ("#define _GLIBCXX_USE_CXX11_ABI 0\n", "plain"),
        ("#include <cstdio>\n", "plain"),
        ('#pragma GCC optimize("O3")\n', "plain"),
        ('#pragma GCC target("avx2")\n', "plain"),
        ("int one;\n", "plain"),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_headers_are_used_only_where_they_change_nothing(marked: Engine, before: str, expected: str) -> None:
    answer = await marked.run(f"{before}#include <iostream>\n{_TELL}")
    assert (answer.verdict, answer.output) == (Verdict.OK, f"{expected}\n"), answer.error


async def test_programs_compile_with_the_same_errors_before_and_after(engine: Engine) -> None:
    wrong = "#include <iostream>\n#include <set>\nstruct X {};\nint main() { std::set<X>{{}}; std::cout << X{}; }"
    right = "#include <iostream>\nint main() { std::cout << __INCLUDE_LEVEL__ << __LINE__ << __FILE__; }"
    before = [await engine.run(code) for code in (wrong, right)]
    with structlog.testing.capture_logs() as logs:
        await headers.make(engine.sandbox, [engine.cpp], engine.mechanisms.headers)
    after = [await engine.run(code) for code in (wrong + "\n", right + "\n")]
    assert [(answer.verdict, answer.output, answer.error) for answer in before] == [
        (answer.verdict, answer.output, answer.error) for answer in after
    ]
    assert [answer.verdict for answer in before] == [Verdict.COMPILE_ERROR, Verdict.OK]
    # The headers' own templates are instantiated: this host's compiler can do so.
    assert [(entry["event"], entry.get("instantiated")) for entry in logs] == [("header.precompiled", True)]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_damaged_header_is_ignored(marked: Engine) -> None:
    assert marked.mechanisms.headers
    (file,) = marked.mechanisms.headers.rglob("*.gch")
    whole = file.read_bytes()
    file.write_bytes(b"rubbish")
    answer = await marked.run(f"// Beside a damaged header\n#include <iostream>\n{_TELL}")
    file.write_bytes(whole)
    assert (answer.verdict, answer.output) == (Verdict.OK, "plain\n")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_program_cannot_change_the_headers_of_others(marked: Engine) -> None:
    code = f"""
import os
folder = "/headers"
(file,) = [f"{{at}}/{{name}}" for at, _, names in os.walk(folder) for name in names if name.endswith(".gch")]
tries = [
    lambda: open(file, "r+b"),
    lambda: open(file, "ab"),
    lambda: os.unlink(file),
    lambda: os.rename(file, file + "x"),
    lambda: os.rename("/box/work/main.py", file),
    lambda: os.symlink("/box/work/main.py", folder + "/planted"),
    lambda: os.link(file, "/box/work/linked"),
    lambda: os.mkdir(folder + "/{marked.cpp.headers_key}/vector.gch"),
    lambda: os.chmod(file, 0o666),
    lambda: os.truncate(file, 0),
    lambda: os.utime(file),
    lambda: os.rename(folder, "/box/work/headers"),
    lambda: os.setxattr(file, "user.x", b"x"),
]
for number, attempt in enumerate(tries):
    try:
        attempt()
    except OSError:
        continue
    print("ESCAPED", number)
print("HELD")
"""
    assert (await marked.run(code, "py")).output == "HELD\n"
    assert (await marked.run(f"// As before\n#include <iostream>\n{_TELL}")).output == "ahead\n"
