"""Attacks on what `POST /run` adds: paths, options, expected outputs, hang-ups, and outputs without end."""

import asyncio
import os
import secrets
from typing import Any

import httpx
import pytest

from shared.engine_api.codex import Verdict
from shared.engine_api.run_call.events import Compiled, Failed, Finished
from tests.fixtures import run_call
from tests.fixtures.executor import RunningExecutor
from tests.fixtures.processes import processes_named
from tests.security.host import SLEEPER
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.security


async def test_odd_but_legal_paths_stay_in_the_folder(engine: RunningExecutor) -> None:
    paths = ["...", "..a", "a..", "-rf", "@x", "~", "$HOME", "a b", "'\"`", "*", "é/😀", ".bashrc", "%2e%2e", "{main}"]
    program = "import os\nprint(sorted(os.path.join(f, n)[2:] for f, _, names in os.walk('.') for n in names))"
    files = {"main.py": program, **dict.fromkeys(paths, "x")}
    (test,) = await run_call.tests(engine.url, "py", files)
    assert test.stdout == f"{sorted(files)}\n"


#: Looks for a secret of the form EXPECTED-(32 digits) in all that a program can read.
_SEARCH = r"""
import os, re
pattern = re.compile(b'EXPECT' + b'ED-[0-9a-f]{32}')
found = []
def search(path, read):
    try:
        if pattern.search(read()): found.append(path)
    except (OSError, ValueError, OverflowError): pass
for folder in ('/box', '/tmp', '/dev/shm', '/proc/self'):
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path): search(path, lambda: open(path, 'rb').read(1 << 24))
memory = open('/proc/self/mem', 'rb', 0)
for line in open('/proc/self/maps'):
    start, end = (int(part, 16) for part in line.split()[0].split('-'))
    def read():
        memory.seek(start)
        return memory.read(end - start)
    search(line, read)
for descriptor in range(3, 100):
    search(descriptor, lambda: os.pread(descriptor, 1 << 24, 0))
print(found, input())
"""


async def test_an_expected_output_is_not_in_the_box(engine: RunningExecutor) -> None:
    secret = f"EXPECTED-{secrets.token_hex(16)}"
    tests = [{"stdin": "given", "expected_output": secret}] * 3
    ended = await run_call.tests(engine.url, "py", {"main.py": _SEARCH}, tests=tests)
    assert [(test.verdict, test.stdout, test.stderr) for test in ended] == [
        (Verdict.WRONG_ANSWER, "[] given\n", "")
    ] * 3  # fmt: skip
    (test,) = await run_call.tests(engine.url, "py", {"main.py": _SEARCH, "data": secret}, tests=[{"stdin": "given"}])
    assert test.stdout == "['/box/work/data'] given\n", "the search finds nothing"


async def test_a_file_is_no_option_of_a_compiler(engine: RunningExecutor) -> None:
    """A compiler would report an error if it took a name for an option, or for a file of options."""
    names = ["-fplugin=x.c", "@evil.c", "-B.c", "-include.c", "--help.c"]
    sources = {name: f"int f{number} = 1;" for number, name in enumerate(names)}
    main = "extern int f0, f1, f2, f3, f4;\nint main(void) { return f0 + f1 + f2 + f3 + f4 - 5; }"
    (test,) = await run_call.tests(engine.url, "c", {"main.c": main, **sources})
    assert test.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("language", "entry", "source"),
    [
        ("py", "-c.py", "print('ran')"),
        ("bash", "-c.sh", "echo ran"),
        ("pl", "-e.pl", "print qq(ran\\n);"),
        ("js", "-e.js", "console.log('ran')"),
        ("js", "--eval.js", "console.log('ran')"),
        ("c", "-o.c", '#include <stdio.h>\nint main(void) { puts("ran"); }'),
        ("c", "@x.c", '#include <stdio.h>\nint main(void) { puts("ran"); }'),
        ("java", "@x/A.java", 'class A { public static void main(String[] a) { System.out.println("ran"); } }'),
    ],
)
async def test_an_entry_is_no_option(language: str, entry: str, source: str, engine: RunningExecutor) -> None:
    (test,) = await run_call.tests(engine.url, language, {entry: source})
    assert (test.verdict, test.stdout) == (Verdict.OK, "ran\n")


@pytest.mark.parametrize("call", ["CodeX", "run", "run, after a test"])
async def test_a_client_that_hangs_up_ends_its_program(call: str, engine: RunningExecutor) -> None:
    mark = f"run-hang-up-{os.getpid()}-{secrets.token_hex(4)}"
    program = f"import sys\nif sys.argv[1:]:\n exec({SLEEPER.format(mark=mark)!r})"
    tests: list[dict[str, Any]] = [*([] if call == "run" else [{}]), {"args": ["sleep"]}, {}]

    async def follow() -> None:
        if call == "CodeX":
            async with httpx.AsyncClient(timeout=60 * PATIENCE) as client:
                await client.post(
                    engine.url, json={"language": "py", "code": SLEEPER.format(mark=mark), "wall_limit": 60}
                )
        async for event in run_call.stream(engine.url, "py", {"main.py": program}, tests=tests):
            assert not isinstance(event, Failed | Finished)

    following = asyncio.create_task(follow())
    await eventually(lambda: processes_named(mark))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await eventually(lambda: not processes_named(mark))
    # The only slot is free again.
    await eventually(lambda: _is_served(engine.url))


async def _is_served(url: str) -> bool:
    body = {"language": "py", "files": run_call.as_files({"a.py": "print(1)"})}
    async with httpx.AsyncClient(timeout=60 * PATIENCE) as client:
        return (await client.post(f"{url}run", json=body)).status_code == httpx.codes.OK


async def test_a_hundred_large_outputs_are_bounded(engine: RunningExecutor) -> None:
    mib = 1 << 20
    program = f"import sys; sys.stdout.write('o' * {mib}); sys.stderr.write('e' * {mib})"
    expected = {"expected_output": "o" * mib}
    ended = await run_call.tests(
        engine.url, "py", {"main.py": program}, tests=[expected, *[{}] * 98, {"expected_output": "x"}]
    )
    assert [test.verdict for test in ended] == [Verdict.ACCEPTED, *[Verdict.OK] * 98, Verdict.WRONG_ANSWER]
    assert sum(len(test.stdout) + len(test.stderr) for test in ended) == 16 * mib
    assert ended[0].truncated == []
    assert ended[-1].truncated == ["stdout", "stderr"]
    assert all(len(test.diff or "") < 1000 for test in ended)


@pytest.mark.slow
async def test_a_compiler_may_make_many_files(engine: RunningExecutor) -> None:
    classes = "".join(f"class C{number} {{}} " for number in range(600))
    source = f"{classes} class Main {{ public static void main(String[] args) {{ System.out.println(args.length); }} }}"
    ended = await run_call.tests(engine.url, "java", {"Main.java": source}, tests=[{}, {"args": ["x"]}])
    assert [test.stdout for test in ended] == ["0\n", "1\n"]


async def test_a_compiler_without_end_is_a_compile_error(engine: RunningExecutor) -> None:
    source = "".join(f"#define X{n} X{n - 1} X{n - 1} X{n - 1} X{n - 1}\n" for n in range(1, 16))
    files = {"a.c": f"#define X0 1 +\n{source}int x = X15 1;"}
    _, compiled, finished = await run_call.events(engine.url, "c", files, tests=[{}] * 3, compile_limits={"cpu_s": 0.5})
    assert isinstance(compiled, Compiled)
    assert (compiled.verdict, compiled.output) == (Verdict.COMPILE_ERROR, "")
    assert "Compilation: Time limit exceeded" in compiled.error
    assert finished == Finished()


async def test_own_modules_replace_those_of_the_language(engine: RunningExecutor) -> None:
    """This holds in every Python, also in one that has started already and loaded its own modules."""
    for module in ("random", "string", "bisect", "typing"):
        files = {"main.py": f"import {module}; print({module}.__file__)", f"{module}.py": ""}
        (test,) = await run_call.tests(engine.url, "py", files)
        assert test.stdout == f"/box/work/{module}.py\n"
