"""A forked compiler makes the same program and the same diagnostics, to the byte, as a cold one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from executor import limits
from executor.catalogue import Installed, find_installed
from executor.host import find_mechanisms
from executor.sandbox.base import File, Job, SandboxFailure, Shortcut, Step, StepResult, Template
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from executor.warm.forked_compiler import ForkedCompiler

pytestmark = [
    pytest.mark.contract,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not Path("/usr/bin/gcc").exists(), reason="there is no C compiler"),
]

_SETTINGS = ExecutorSettings()
_MOST_BYTES = 16 << 20
_BEGINNING = "#include <stdio.h>\n"
_PROGRAMS = {path.stem: path.read_bytes().decode() for path in Path(__file__).parent.glob("programs/c/*.c")} | {
    "long": _BEGINNING + "".join(f"int f{n}(int x) {{ return x * {n}; }}\n" for n in range(1000)) + "int main() {}",
    "many_errors": _BEGINNING + "int x = y;\n" * 1000,
    "empty": "",
    # Options of the first function, or of a declaration, affect the functions after it.
    "optimises_otherwise": _BEGINNING
    + '__attribute__((optimize("O0"))) int first(int a) { return a * 3; }\n'
    + "int rec(int n) { return n < 2 ? n : rec(n - 1) + rec(n - 2); }\nint main(void) { return rec(5); }\n",
    "another_processor": _BEGINNING
    + '__attribute__((target("arch=haswell"))) int first(int a);\n'
    + "typedef double v4 __attribute__((vector_size(32)));\nv4 vec(v4 a, v4 b) { return a * b + a; }\n"
    + "int rec(int n) { return n < 2 ? n : rec(n - 1) + rec(n - 2); }\nint main(void) { return rec(5); }\n",
    # GCC compares the size and time of the file itself.
    "once": f'{_BEGINNING}#pragma once\n#include "main.c"\nint z;\nint main(void) {{ return z; }}\n',
    "depends": f'{_BEGINNING}#pragma GCC dependency "main.c"\nint main(void) {{ return 0; }}\n',
    # A signal kills the assembler, and the driver prints that.
    "too_large": f"{_BEGINNING}char all[200 << 20] = {{1}};\nint main(void) {{ return 0; }}\n",
    "one_byte": "x",
    "old_line_ends": "int x;\rint y\r",
    "new_line_ends_after_all": f"{_BEGINNING}int x;\r",
    "marked": f"\ufeff{_BEGINNING}int main(void) {{ return 1; }}\n",
    "nul": _BEGINNING + "int main(void) { return 0; }\0\n",
    "backslash": _BEGINNING + "int main(void) { return 0; } \\",
    # The compiler exhausts its stack while it writes.
    "too_deep": f"{_BEGINNING}int x = {'(' * 60_000}1{')' * 60_000};",
    "assembler_gives_up": _BEGINNING + '__asm__(".abort");\n' + "".join(f"int a{n} = {n};\n" for n in range(20_000)),
}


class Compilers:
    def __init__(self, sandbox: BubblewrapSandbox, installed: Installed) -> None:
        self.sandbox = sandbox
        self.installed = installed
        self.forked = ForkedCompiler(installed, _SETTINGS)
        self.cold = Template(_SETTINGS.max_disk_bytes, limits.of_compilation(_SETTINGS))

    def shortcut(self, compiler: str, file: str = "main.c") -> Shortcut:
        """Return the shortcut with another compiler and the usual arguments."""
        usual = self.installed.shortcut_for(file)
        assert usual
        (_, *arguments), assemble, link = usual.commands
        return replace(usual, commands=((compiler, *arguments), assemble, link))

    async def compile(
        self, source: str, box: Template, shortcut: Shortcut | None = None, name: str = "main.c"
    ) -> StepResult:
        compile_ = self.installed.language.compile
        assert compile_
        step = Step(
            self.installed.command(compile_.words, source=name),
            self.installed.environment,
            box.limits,
            _MOST_BYTES,
            shortcut=shortcut or self.installed.shortcut_for(name),
            merge_output=True,
            stop_on_overflow=False,
        )
        job = Job({name: File(source.encode())}, (step,), box, artefact_bytes=_MOST_BYTES)
        (ended,) = await self.sandbox.run(job)
        return ended


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compilers() -> AsyncIterator[Compilers]:
    sandbox = BubblewrapSandbox(find_mechanisms(_SETTINGS))
    yield Compilers(sandbox, (await find_installed(sandbox, 1))["c"])
    await sandbox.aclose()


@pytest.mark.parametrize("file", ["main.c", "c.c", f"{'longest':x<62}.c"])
@pytest.mark.parametrize("name", _PROGRAMS)
async def test_same_program_and_same_diagnostics(name: str, file: str, compilers: Compilers) -> None:
    forked = compilers.forked
    boxes = compilers.cold, forked.at_start, forked.after_beginning
    source = _PROGRAMS[name].replace("main.c", file)
    expected, *copies = [await compilers.compile(source, box, name=file) for box in boxes]
    for copy in copies:
        assert (copy.exit_code, copy.stdout.decode()) == (expected.exit_code, expected.stdout.decode())
        assert copy.artefacts == expected.artefacts


@pytest.mark.parametrize("file", ["main.c", "crash.c"])
@pytest.mark.parametrize(
    ("beginning", "at_start", "after_beginning"),
    [
        (_BEGINNING, True, True),
        (f"\n{_BEGINNING}", True, False),
        (_BEGINNING.replace(" ", ""), True, False),
        (f"\ufeff{_BEGINNING}", False, False),
    ],
)
async def test_a_forked_compiler_compiles_what_it_can(
    beginning: str, at_start: bool, after_beginning: bool, file: str, compilers: Compilers
) -> None:
    """Every compiler that is started cold fails, so a success shows that a forked one compiled."""
    source, shortcut = f"{beginning}int main(void) {{}}", compilers.shortcut("/bin/false", file)
    forked = compilers.forked
    for box, succeeds in ((forked.at_start, at_start), (forked.after_beginning, after_beginning)):
        assert (await compilers.compile(source, box, shortcut, file)).succeeded is succeeds


async def test_the_installed_compiler_is_accepted(compilers: Compilers) -> None:
    await compilers.forked.check(compilers.sandbox)


async def test_a_program_that_takes_no_orders_is_not_a_zygote(compilers: Compilers) -> None:
    other = replace(compilers.installed, shortcut=compilers.shortcut("/bin/true"))
    with pytest.raises(SandboxFailure):
        await ForkedCompiler(other, _SETTINGS).check(compilers.sandbox)


class Differing:
    """Compiles the same source differently each time."""

    def __init__(self) -> None:
        self._times = 0

    async def run(self, job: Job) -> list[StepResult]:
        self._times += 1
        artefacts = {"main": File(str(self._times).encode())}
        return [StepResult(0, None, 0.0, 0.0, 0, None, b"", b"", truncated=False, artefacts=artefacts)]


async def test_a_compiler_with_other_artefacts_is_rejected(compilers: Compilers) -> None:
    with pytest.raises(SandboxFailure, match="artefacts differ"):
        await compilers.forked.check(Differing())


async def test_a_program_gets_the_compiler_that_has_read_its_start(compilers: Compilers) -> None:
    forked = compilers.forked
    assert forked.box(_PROGRAMS["hello"].encode()) is forked.after_beginning
    assert forked.box(f"// Mine\n{_BEGINNING}".encode()) is forked.at_start
