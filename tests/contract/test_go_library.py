"""Go's standard library is compiled once, and then programs compile in a moment (ADR 22)."""

from pathlib import Path

import pytest

from executor.languages import known
from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, TestEnded
from tests.fixtures import run_call
from tests.fixtures.executor import running_executor
from tests.fixtures.languages import need_language
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500 * PATIENCE)]

_HELLO = known()["go"].sample
_WEB = """package main
import ("fmt"; "net/http"; "net/http/httptest")
func main() { r := httptest.NewRecorder(); http.NotFound(r, nil); fmt.Println(r.Code) }
"""


@pytest.fixture(autouse=True)
def _go() -> None:
    need_language("go")


@pytest.mark.parametrize("mode", ["as it comes", "without cgroups"])
async def test_the_standard_library_is_compiled_once(mode: str, tmp_path: Path) -> None:
    with running_executor(
        mode, cache_dir=str(tmp_path / "cache"), compile_cache_bytes="0", compile_time_limit="300"
    ) as executor:

        async def run(source: str, **fields: object) -> tuple[float, str]:
            _, compiled, ended, _ = await run_call.events(executor.url, "go", {"main.go": source}, **fields)
            assert isinstance(compiled, Compiled)
            assert isinstance(ended, TestEnded)
            assert (ended.verdict, compiled.output) == (Verdict.OK, "")
            return compiled.cpu_s, ended.stdout

        before_s, _ = await run(_HELLO)
        await eventually(lambda: list(tmp_path.glob("cache/runtimes/*/std/time.a")), timeout=1200)
        after_s, output = await run(_HELLO)
        assert output == "Hello, world!\n"
        assert after_s < 2 < before_s
        assert await run(_WEB) < (4, "404")
        # Piston's limit of elapsed time for a compiler.
        await run(_HELLO.replace("Hello", "Hi"), compile_limits={"wall_s": 10.0, "cpu_s": 10.0})
