"""Only regular files are collected from a box, after its first step and before its second.

The first step here is a hostile program, while in a real job it is a compiler.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.host import find_mechanisms
from executor.sandbox.base import Job, Step, StepResult, Template, WorkFile, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from tests.fixtures.step_limits import SMALL

pytestmark = pytest.mark.security

_MAX_BYTES = 1000


@pytest.fixture(params=[True, False], ids=["as it comes", "without cgroups"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings().tuned(use_cgroups=request.param)))
    try:
        yield sandbox
    finally:
        await sandbox.aclose()


async def _run(sandbox: BubblewrapSandbox, first: str, second: str = "") -> list[StepResult]:
    steps = tuple(
        Step((find_python(), "-c", f"import os\n{source}"), ENVIRONMENT, SMALL, 65536) for source in (first, second)
    )
    results = await sandbox.run(
        Job({"given": WorkFile(b"given")}, steps, Template(16 << 20, SMALL), compiled_bytes=_MAX_BYTES)
    )
    assert b"".join(result.stderr for result in results) == b""
    assert all(not result.compiled_files for result in results[1:])
    return results


async def test_regular_files_are_collected_with_their_modes(sandbox: BubblewrapSandbox) -> None:
    source = "open('main', 'w').write('program'); os.chmod('main', 0o6777); open('notes', 'w').write('')"
    assert (await _run(sandbox, source))[0].compiled_files == {
        "main": WorkFile(b"program", 0o755),
        "notes": WorkFile(b"", 0o644),
    }


async def test_files_in_folders_are_collected_by_their_paths(sandbox: BubblewrapSandbox) -> None:
    source = "os.makedirs('a/b/empty'); open('a/b/main', 'w').write('deep'); open('a/given', 'w').write('near')"
    assert (await _run(sandbox, source))[0].compiled_files == {
        "a/b/main": WorkFile(b"deep"),
        "a/given": WorkFile(b"near"),
    }


async def test_as_many_files_are_collected_as_a_box_may_get(sandbox: BubblewrapSandbox) -> None:
    source = "[open(f'{number}', 'w').write(str(number)[-1]) for number in range(512)]"
    collected = (await _run(sandbox, source))[0].compiled_files
    assert collected == {f"{number}": WorkFile(str(number)[-1].encode()) for number in range(512)}
    count = "import os; print(len(os.listdir()), sum(open(name).read() == name[-1] for name in os.listdir()))"
    step = Step((find_python(), "-c", count), ENVIRONMENT, SMALL, 65536)
    (result,) = await sandbox.run(Job(collected, (step,), Template(16 << 20, SMALL)))
    assert result.stdout == b"512 512\n"


@pytest.mark.parametrize(
    "source",
    [
        "os.symlink('/etc/passwd', 'main')",
        "os.symlink('given', 'main')",
        "os.mkdir('folder'); os.symlink('/etc', 'folder/main')",
        "os.makedirs('/'.join('d' * 34)); open('d/' * 34 + 'main', 'w')",
        "os.makedirs('d' * 200 + '/' + 'e' * 200); open('d' * 200 + '/' + 'e' * 200 + '/' + 'f' * 200, 'w')",
        "import socket; socket.socket(socket.AF_UNIX).bind('main')",
        "os.mkfifo('main')",
        "os.mkfifo('main'); os.open('main', os.O_RDWR)",
        "os.mknod('main', 0o140755)",
        "open('main', 'w'); os.chmod('main', 0)",
        "open('main', 'w').write('x' * 1001)",
        "[open(name, 'w').write('x' * 501) for name in ('main', 'other')]",
        "open('main', 'w'); os.truncate('main', 8 << 20)",
        "[open(f'{number}', 'w').close() for number in range(513)]",
        "[open('n' * 250 + str(number), 'w').close() for number in range(300)]",
    ],
)
async def test_nothing_is_collected_if_one_file_may_not_be(sandbox: BubblewrapSandbox, source: str) -> None:
    assert (await _run(sandbox, f"open('innocent', 'w')\n{source}"))[0].compiled_files == {}


async def test_nothing_is_collected_from_a_failed_step(sandbox: BubblewrapSandbox) -> None:
    assert (await _run(sandbox, "open('main', 'w')\nraise SystemExit(1)"))[0].compiled_files == {}


async def test_no_process_is_left_to_change_a_file(sandbox: BubblewrapSandbox) -> None:
    source = """
readable, writable = os.pipe()
if os.fork() == 0:
    os.setsid()
    file = open('main', 'w')
    for number in range(1 << 60):
        file.seek(0)
        file.write(f'{number:20}')
        file.flush()
        if number == 1000:
            os.write(writable, b'!')
os.read(readable, 1)
"""
    first, second = await _run(sandbox, source, "print(open('main').read(), end='')")
    assert first.compiled_files["main"].content == second.stdout


async def test_the_second_step_cannot_change_compiled_files(sandbox: BubblewrapSandbox) -> None:
    first, _ = await _run(sandbox, "open('main', 'w').write('honest')", "open('main', 'w').write('forged')")
    assert first.compiled_files == {"main": WorkFile(b"honest")}


@pytest.mark.parametrize(("files", "code"), [({"main": WorkFile(b"no program", 0o755)}, 126), ({}, 127)])
async def test_a_file_that_cannot_be_executed_is_no_sandbox_failure(
    sandbox: BubblewrapSandbox, files: dict[str, WorkFile], code: int
) -> None:
    step = Step(("/box/work/main",), ENVIRONMENT, SMALL, 65536)
    (result,) = await sandbox.run(Job(files, (step,), Template(16 << 20, SMALL)))
    assert (result.exit_code, result.stdout) == (code, b"")
    assert result.stderr.startswith(b"/box/work/main: ")


async def test_no_step_follows_one_over_its_limit(sandbox: BubblewrapSandbox) -> None:
    python = (find_python(), "-c", "pass")
    steps = (
        Step(python, ENVIRONMENT, replace(SMALL, cpu_s=0.001), 65536),
        Step(python, ENVIRONMENT, SMALL, 65536),
    )
    results = await sandbox.run(Job({}, steps, Template(16 << 20, SMALL)))
    assert [result.stopped for result in results] == ["cpu"]
