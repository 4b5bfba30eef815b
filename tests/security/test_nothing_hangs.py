"""Callers get an error if the sandbox hangs, is closed or does not work. It can be closed at any time."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from executor.host import find_mechanisms
from executor.sandbox.base import Job, SandboxFailure, Step, Template, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.settings import ExecutorSettings
from tests.fixtures.executor import MODES, need_mode
from tests.fixtures.faulty_bubblewrap import Call, Fault, faulty_bubblewrap
from tests.fixtures.gate import leave_out
from tests.fixtures.processes import arguments, pids_below
from tests.fixtures.step_limits import SMALL
from tests.security.host import keeper, walls
from tests.waiting import eventually

pytestmark = pytest.mark.security

#: Seconds. On an idle machine each of these takes at most ten, but other tests run at the same time.
_DEADLINE_S = 30
_ROOT = Path(__file__).parent.parent.parent
_PATIENCE_S = 1.0
_BYTES = 1 << 20
_NOTHING, _SLEEP = "", "import time; time.sleep(60)"


def _job(source: str) -> Job:
    step = Step((find_python(), "-c", source), {}, SMALL, _BYTES)
    return Job({}, step, Template(_BYTES, SMALL))


@contextmanager
def _stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


@pytest.fixture
async def sandbox() -> AsyncIterator[BubblewrapSandbox]:
    sandbox = BubblewrapSandbox(find_mechanisms(ExecutorSettings()), _PATIENCE_S)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        async with asyncio.timeout(_DEADLINE_S):
            await sandbox.aclose()


async def _until_the_program_sleeps() -> None:
    await eventually(lambda: any(_SLEEP in arguments(pid) for pid in pids_below(os.getpid())))


async def test_a_stuck_keeper_fails_its_runs_and_is_replaced(sandbox: BubblewrapSandbox) -> None:
    running = asyncio.create_task(sandbox.run(_job(_SLEEP)))
    await _until_the_program_sleeps()
    first = keeper(os.getpid())
    with _stopped(first):
        async with asyncio.timeout(_DEADLINE_S):
            with pytest.raises(SandboxFailure, match="the keeper hung"):
                await running
    ended = await sandbox.run(_job(_NOTHING))
    assert ended.succeeded
    assert keeper(os.getpid()) != first


async def test_the_cgroups_of_a_killed_keeper_are_removed(sandbox: BubblewrapSandbox) -> None:
    cgroups = sandbox.mechanisms.cgroups
    if cgroups is None:
        leave_out("there are no cgroups here")
    running = asyncio.create_task(sandbox.run(_job(_SLEEP)))
    await _until_the_program_sleeps()
    left = {path for folder in cgroups.folders.values() for path in folder.iterdir() if path.is_dir()}
    assert left
    os.kill(keeper(os.getpid()), signal.SIGKILL)
    with pytest.raises(SandboxFailure, match="the keeper ended"):
        await running
    await eventually(lambda: not any((path / "cgroup.procs").read_text() for path in left))
    ended = await sandbox.run(_job(_NOTHING))
    assert ended.succeeded
    assert not [path for path in left if path.exists()]


async def test_a_run_can_be_cancelled_while_the_keeper_is_stuck(sandbox: BubblewrapSandbox) -> None:
    running = asyncio.create_task(sandbox.run(_job(_SLEEP)))
    await _until_the_program_sleeps()
    with _stopped(keeper(os.getpid())):
        running.cancel()
        async with asyncio.timeout(_DEADLINE_S):
            await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()


@pytest.mark.slow
async def test_a_sandbox_can_be_closed_while_its_keeper_is_stuck(sandbox: BubblewrapSandbox) -> None:
    running = asyncio.create_task(sandbox.run(_job(_SLEEP)))
    await _until_the_program_sleeps()
    with _stopped(keeper(os.getpid())):
        async with asyncio.timeout(_DEADLINE_S):
            await sandbox.aclose()
            with pytest.raises(SandboxFailure, match="has been closed"):
                await running
    await eventually(lambda: not walls(os.getpid()))


async def test_a_closed_sandbox_starts_nothing(sandbox: BubblewrapSandbox) -> None:
    await sandbox.aclose()
    for call in (sandbox.start(), sandbox.run(_job(_NOTHING))):
        with pytest.raises(SandboxFailure, match="has been closed"):
            await call
    assert not walls(os.getpid())


@pytest.mark.parametrize("call", ["mount", pytest.param("execve", marks=pytest.mark.slow)])
async def test_a_sandbox_can_be_closed_while_it_starts(call: str) -> None:
    """Either a mount of bubblewrap hangs, or the start of the zygote."""
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()
    caller = {"mount": "bwrap", "execve": "keeper"}[call]

    def is_reached(actual: Call) -> bool:
        if actual.caller == caller:
            loop.call_soon_threadsafe(reached.set)
        return actual.caller == caller

    fault = Fault(call, "hangs", is_reached)
    with faulty_bubblewrap(fault) as bubblewrap:
        sandbox = BubblewrapSandbox(replace(find_mechanisms(ExecutorSettings()), bubblewrap=bubblewrap), 60)
        starting = asyncio.create_task(sandbox.start())
        async with asyncio.timeout(_DEADLINE_S):
            await reached.wait()
            await sandbox.aclose()
            with pytest.raises(SandboxFailure):
                await starting
        await eventually(lambda: not walls(os.getpid()))


_BOX_FAILS = Fault("mount", errno.EPERM, lambda call: call.caller == "process 1" and call.text(1) == "/dev/pts")
_BOX_HANGS = replace(_BOX_FAILS, outcome="hangs")
_WALL_HANGS = Fault("mount", "hangs", lambda call: call.caller == "bwrap")


def _accept_interrupts() -> None:
    """Stop ignoring SIGINT. A shell starts its background jobs with SIGINT ignored, and the tests may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run_to_its_end(module: str, mode: str, bubblewrap: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module with a faulty bubblewrap, in one of the ways that the executor may run."""
    command, _ = MODES[mode]
    return subprocess.run(
        [*command, "-m", module, *arguments],
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"], "PRECIEUX_BWRAP": str(bubblewrap)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("mode", "fault", "sentence"),
    [
        ("as it comes", _BOX_FAILS, "mount devpts on /dev/pts: Operation not permitted"),
        pytest.param("ordinary user", _BOX_HANGS, "the first box hung before it was ready", marks=pytest.mark.slow),
        pytest.param("as it comes", _WALL_HANGS, "bubblewrap hung before the keeper was ready", marks=pytest.mark.slow),
    ],
)
def test_doctor_and_executor_end_with_one_message(mode: str, fault: Fault, sentence: str) -> None:
    need_mode(mode)
    with faulty_bubblewrap(fault) as bubblewrap:
        doctor = _run_to_its_end("executor.doctor", mode, bubblewrap, "--json")
        executor = _run_to_its_end("executor", mode, bubblewrap)
    report = json.loads(doctor.stdout)
    assert (doctor.returncode, report["serves"], report["reason"]) == (1, False, sentence)
    assert report["remedy"]
    assert executor.returncode == os.EX_CONFIG
    (message,) = (line for line in executor.stderr.splitlines() if "precieux:" in line)
    assert message.startswith(f"precieux: The sandbox does not start on this host ({sentence}).")
    assert "Traceback" not in doctor.stderr + executor.stderr


@pytest.mark.parametrize("module", ["executor", pytest.param("executor.doctor", marks=pytest.mark.slow)])
def test_an_interrupt_during_the_start_leaves_no_traceback(module: str) -> None:
    reached = threading.Event()

    def is_reached(call: Call) -> bool:
        reached.set()
        return call.caller == "bwrap"

    with faulty_bubblewrap(Fault("mount", "hangs", is_reached)) as bubblewrap:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=_ROOT,
            env={"PATH": os.environ["PATH"], "PRECIEUX_BWRAP": str(bubblewrap)},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_accept_interrupts,
        )
        with process:
            assert reached.wait(30)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in stderr
