"""A compiler makes the same program without its driver, to the byte, and prints the same diagnostics."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
import pytest_asyncio

from executor.catalogue.find import examine
from executor.catalogue.installed import Installed
from executor.host import find_mechanisms
from executor.pipeline.plan import plan_source
from executor.sandbox.base import Job, OutFolder, OutLimits, Step, StepResult
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from shared.engine_api.codex import RunRequest
from tests.fixtures.languages import need_language

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SETTINGS: Final = ExecutorSettings().tuned(precompile_headers=False, warm_boxes=0)
_MAIN: Final = "int main(void) { return 0; }\n"
_SOURCES: Final = {
    "c": {
        "greeting": "#include <stdio.h>\n" + _MAIN.replace("return 0", 'printf("hello\\n"); return 3'),
        "mathematics": "#include <math.h>\nint main(int count, char **words) { return (int)pow(count, 0.5); }\n",
        "threads": "#include <pthread.h>\nstatic void *run(void *none) { return none; }\n"
        "int main(void) { pthread_t thread; return pthread_create(&thread, 0, run, 0); }\n",
        "long_double": "#include <complex.h>\n"
        "int main(int count, char **words) { return (int)creall(csqrtl(count * 1.0L)); }\n",
        "big_integers": "int main(int count, char **words) { return (int)((__int128)count * count / 7); }\n",
        "atomic": "#include <stdatomic.h>\nstruct big { long parts[4]; } _Atomic it;\n" + _MAIN,
        "warning": "#include <stdlib.h>\nint main(void) { int *gone = malloc(4); free(gone); return *gone / 0; }\n",
        "many_warnings": "\n".join(f"int f{number}() {{ char *c = {number}.5 > 1 ? 1 : 2; }}" for number in range(9))
        + _MAIN,
        "note": '#pragma message "hello"\n' + _MAIN,
        "mistake": "int main(void) { return nothing }\n",
        "missing_header": '#include "nowhere.h"\n' + _MAIN,
        "undefined": "int elsewhere(void);\nint main(void) { return elsewhere(); }\n",
        "twice": _MAIN + "int printf() { return 0; }\nint x = 1;\nextern int y;\nint *z = &y;\n",
        "no_main": "int nothing;\n",
        "bad_assembler": 'int main(void) { __asm__("no such thing"); }\n',
        "assembler_warning": '__asm__(".warning \\"careful\\"");\n' + _MAIN,
        "assembler_gives_up": '__asm__(".abort");\n' + _MAIN,
        # A signal kills the assembler, and the driver prints that.
        "too_large": f"char all[200 << 20] = {{1}};\n{_MAIN}",
        # The compiler exhausts its stack while it writes.
        "too_deep": f"int x = {'(' * 60_000}1{')' * 60_000};",
        "warning_and_undefined": "int elsewhere(void);\nint main(void) { int *p = 1; return elsewhere(); }\n",
        "linker_warning": "char *tmpnam(char *);\nint main(void) { return tmpnam(0) != 0; }\n",
        "link_time": '__attribute__((optimize("lto"))) ' + _MAIN,
        "nothing": "\n",
    },
    "cpp": {
        "greeting": "#include <iostream>\nint main() { std::cout << 1.5 << std::endl; }\n",
        "exceptions": "#include <stdexcept>\nint main() { try { throw std::runtime_error("
        '"x"); } catch (const std::exception &) { return 1; } }\n',
        "templates": "#include <map>\n#include <thread>\n"
        "int main() { std::map<int, int> all; all[1] = 2; std::thread t([] {}); t.join(); }\n",
        "warning": "int main() { int a[2]; return a[3]; }\n",
        "mistake": "#include <vector>\nint main() { std::vector<int> v; v.push(1); }\n",
        "undefined": "struct a { virtual void f(); };\nint main() { a().f(); }\n",
        "assembler": 'int main() { asm volatile("mov %%eax, %q" : : : "eax"); }\n',
    },
    "f90": {
        "greeting": "program p\n  print *, 'hello', sqrt(2.0)\nend program\n",
        "mistake": "program p\n  call\nend program\n",
        "undefined": "program p\n  call nowhere()\nend program\n",
    },
}
_CASES: Final = [(code, name) for code, sources in _SOURCES.items() for name in sources]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox() -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(find_mechanisms(_SETTINGS))
    yield sandbox
    await sandbox.aclose()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def installed(sandbox: BubblewrapSandbox) -> dict[str, Installed]:
    return (await examine(sandbox, 2))[0]


def _plan(request: RunRequest, installed: Installed) -> Job:
    compilation = plan_source(request, installed, _SETTINGS).compilation
    assert compilation
    return compilation


@pytest.mark.parametrize(("code", "name"), _CASES, ids=[f"{code}-{name}" for code, name in _CASES])
async def test_same_program_and_same_diagnostics(
    sandbox: BubblewrapSandbox, installed: dict[str, Installed], code: str, name: str
) -> None:
    need_language(code)
    assert installed[code].shortcut, "the driver's answer was not understood"
    job = _plan(RunRequest(code=_SOURCES[code][name], language=code), installed[code])

    async def compile_by(step: Step) -> StepResult:
        return await sandbox.run(replace(job, step=step))

    by_shortcut = await compile_by(job.step)
    by_driver = await compile_by(replace(job.step, shortcut=None))
    assert by_shortcut.exit_code == by_driver.exit_code
    assert _without_scratch_names(by_shortcut.stdout) == _without_scratch_names(by_driver.stdout)
    assert by_shortcut.compiled_files == by_driver.compiled_files
    assert bool(by_driver.compiled_files) is (by_driver.exit_code == 0)


async def test_diagnostics_before_a_limit_are_kept(sandbox: BubblewrapSandbox, installed: dict[str, Installed]) -> None:
    levels = "".join(f"#define X{n} X{n - 1} X{n - 1} X{n - 1} X{n - 1}\n" for n in range(1, 16))
    source = f'#warning "first"\n#define X0 1 +\n{levels}int x = X15 1;\n'
    job = _plan(RunRequest(code=source, language="c"), installed["c"])
    step = replace(job.step, limits=replace(job.step.limits, cpu_s=0.3))
    ended = await sandbox.run(replace(job, step=step))
    assert ended.stopped == "cpu"
    assert b"#warning" in ended.stdout


async def test_the_shortcut_is_used_and_leaves_no_files(
    sandbox: BubblewrapSandbox, installed: dict[str, Installed]
) -> None:
    job = _plan(RunRequest(code=_MAIN, language="c"), installed["c"])
    job = replace(job, step=replace(job.step, argv=("/bin/false",)))
    compiled = await sandbox.run(job)
    assert (compiled.exit_code, set(compiled.compiled_files)) == (0, {"main", "main.c"})
    in_tmp = await sandbox.run(replace(job, out_limits=OutLimits(9, 1 << 20, "/box/tmp")))
    assert in_tmp.out_folder == OutFolder()


def _without_scratch_names(output: bytes) -> bytes:
    """Return the text without the names of scratch files, which are random."""
    return re.sub(rb"/tmp/\w+\.(?=[os]\b)", b"/tmp/", output)
