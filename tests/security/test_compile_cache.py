"""The compile cache gives the same answers sooner, and changes nothing else."""

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest

from executor.host import find_mechanisms
from executor.languages import known
from executor.pipeline.run import Pipeline
from executor.sandbox.base import Job, StepResult
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from shared.engine_api.codex import RunRequest, RunResponse, Verdict
from tests.fixtures.languages import really_installed
from tests.fixtures.sandbox import compiles

pytestmark = pytest.mark.security

#: The memory that a program had in use when it was stopped.
_MEASURED: Final = re.compile(r"[0-9.]+ MiB in use")
_COMPILED = [code for code, language in known().items() if language.compile and language.toolchain()]


class Engine:
    """A pipeline over a real sandbox. `compilations` says of each box whether it compiles."""

    def __init__(self, settings: ExecutorSettings) -> None:
        self.sandbox = BubblewrapSandbox(find_mechanisms(settings))
        self.compilations: list[bool] = []
        self._pipeline = Pipeline(self, settings)

    async def run(self, job: Job) -> StepResult:
        self.compilations.append(compiles(job))
        return await self.sandbox.run(job)

    async def answer(self, language: str, code: str, **fields: object) -> RunResponse:
        request = RunRequest.model_validate({"language": language, "code": code, **fields})
        return await self._pipeline.run(request, really_installed(language))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine(ExecutorSettings())
    yield engine
    await engine.sandbox.aclose()


@pytest.mark.parametrize("code", _COMPILED)
async def test_a_program_is_compiled_once(engine: Engine, code: str) -> None:
    reference = known()[code].reference
    for name in ("world", "others", "world"):
        answer = await engine.answer(code, reference.source, input=f"{name}\n")
        assert (answer.verdict, answer.output, answer.error) == (Verdict.OK, f"Hello, {name}!\n", "")
    assert engine.compilations == [True, False, False, False]


async def test_a_program_cannot_leave_another_in_its_place(engine: Engine) -> None:
    code = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    puts("honest");
    unlink("main");
    unlink("main.c");
    FILE *forged = fopen("main", "w");
    fputs("#!/bin/sh\necho forged\n", forged);
    fclose(forged);
    return system("chmod 755 main; cp main main.c; rm -f /proc/self/exe");
}
"""
    answers = [await engine.answer("c", code) for _ in range(3)]
    assert [(answer.verdict, answer.output) for answer in answers][:1] * 3 == [
        (answer.verdict, answer.output) for answer in answers
    ]
    assert answers[0].output == "honest\n"
    assert engine.compilations == [True, False, False, False]


async def test_a_cached_program_has_the_same_limits_and_verdicts(engine: Engine) -> None:
    """Limits, verdicts and the program's times stay the same."""
    spin = "int main(void) { for (volatile int go = 1; go;); }"
    hog = "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }"
    fault = "int main(void) { volatile int *nowhere = 0; return *nowhere; }"
    code = '#include <stdio.h>\nint main(void) { char line[9]; puts(fgets(line, 9, fopen("main.c", "r"))); return 3; }'
    for source, fields in ((spin, {"time_limit": 0.3}), (hog, {"memory_limit": 64 << 20}), (fault, {}), (code, {})):
        first, again = [await engine.answer("c", source, **fields) for _ in range(2)]
        assert (first.verdict, first.output, first.exit_code, first.signal) == (
            again.verdict, again.output, again.exit_code, again.signal,
        )  # fmt: skip
        # A sampled limit names the memory that was in use at that moment.
        assert _MEASURED.sub("", first.error) == _MEASURED.sub("", again.error)
        assert first.time_s is not None
        assert again.time_s is not None
        assert abs(first.time_s - again.time_s) < 0.25
        if source is spin:
            assert first.time_s >= 0.3
            assert again.time_s >= 0.3
    assert engine.compilations == [True, False, False] * 4
