"""Files are taken out of a box after its first step and before its second, and nothing but ordinary files.

Here the first step is a program that does its worst, which a compiler never is.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from executor.catalogue import ENVIRONMENT
from executor.host import find_mechanisms
from executor.sandbox.base import File, Job, Step, StepLimits, StepResult, Template, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings

pytestmark = pytest.mark.security

_LIMITS = StepLimits(
    cpu_s=5, wall_s=10, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=8 << 20, stack_bytes=8 << 20
)
_MOST_BYTES = 1000


@pytest.fixture(params=[True, False], ids=["as it comes", "without cgroups"])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings(executor_use_cgroups=request.param)))
    try:
        yield sandbox
    finally:
        await sandbox.aclose()


async def _run(sandbox: BubblewrapSandbox, first: str, second: str = "") -> list[StepResult]:
    steps = tuple(
        Step((find_python(), "-c", f"import os\n{source}"), ENVIRONMENT, _LIMITS, 65536) for source in (first, second)
    )
    ended = await sandbox.run(
        Job({"given": File(b"given")}, steps, Template(16 << 20, _LIMITS), artefact_bytes=_MOST_BYTES)
    )
    assert b"".join(step.stderr for step in ended) == b""
    assert all(not step.artefacts for step in ended[1:])
    return ended


async def test_regular_files_come_with_their_modes(sandbox: BubblewrapSandbox) -> None:
    source = "open('main', 'w').write('program'); os.chmod('main', 0o6777); open('notes', 'w').write('')"
    assert (await _run(sandbox, source))[0].artefacts == {"main": File(b"program", 0o755), "notes": File(b"", 0o644)}


@pytest.mark.parametrize(
    "source",
    [
        "os.symlink('/etc/passwd', 'main')",
        "os.symlink('given', 'main')",
        "os.mkdir('main')",
        "import socket; socket.socket(socket.AF_UNIX).bind('main')",
        "os.mkfifo('main')",
        "os.mkfifo('main'); os.open('main', os.O_RDWR)",
        "os.mknod('main', 0o140755)",
        "open('main', 'w'); os.chmod('main', 0)",
        "open('main', 'w').write('x' * 1001)",
        "[open(name, 'w').write('x' * 501) for name in ('main', 'other')]",
        "open('main', 'w'); os.truncate('main', 8 << 20)",
        "[open(f'{number}', 'w') for number in range(33)]",
    ],
)
async def test_anything_else_is_left_and_all_with_it(sandbox: BubblewrapSandbox, source: str) -> None:
    assert (await _run(sandbox, f"open('innocent', 'w')\n{source}"))[0].artefacts == {}


async def test_a_step_that_fails_has_made_nothing(sandbox: BubblewrapSandbox) -> None:
    assert (await _run(sandbox, "open('main', 'w')\nraise SystemExit(1)"))[0].artefacts == {}


async def test_nobody_is_left_to_change_it_meanwhile(sandbox: BubblewrapSandbox) -> None:
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
    assert first.artefacts["main"].content == second.stdout


async def test_the_program_comes_too_late(sandbox: BubblewrapSandbox) -> None:
    first, _ = await _run(sandbox, "open('main', 'w').write('honest')", "open('main', 'w').write('forged')")
    assert first.artefacts == {"main": File(b"honest")}


@pytest.mark.parametrize(("files", "code"), [({"main": File(b"no program", 0o755)}, 126), ({}, 127)])
async def test_what_is_no_program_is_its_author_s_affair(
    sandbox: BubblewrapSandbox, files: dict[str, File], code: int
) -> None:
    step = Step(("/box/work/main",), ENVIRONMENT, _LIMITS, 65536)
    (ended,) = await sandbox.run(Job(files, (step,), Template(16 << 20, _LIMITS)))
    assert (ended.exit_code, ended.stdout) == (code, b"")
    assert ended.stderr.startswith(b"/box/work/main: ")


async def test_nothing_follows_a_step_that_was_over_its_limit(sandbox: BubblewrapSandbox) -> None:
    python = (find_python(), "-c", "pass")
    steps = (
        Step(python, ENVIRONMENT, replace(_LIMITS, cpu_s=0.001), 65536),
        Step(python, ENVIRONMENT, _LIMITS, 65536),
    )
    ended = await sandbox.run(Job({}, steps, Template(16 << 20, _LIMITS)))
    assert [step.stopped for step in ended] == ["cpu"]
