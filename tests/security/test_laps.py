"""A step in laps, each with its own limits, and a way to report that is no relay."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import Job, JudgeJob, Laps, Step, StepResult, Template, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from tests.fixtures.step_limits import SMALL

pytestmark = [pytest.mark.security, pytest.mark.asyncio(loop_scope="module")]

_SPINS = """
import time
while seconds := input():
    until = time.process_time() + float(seconds)
    while time.process_time() < until: pass
    print(flush=True)
"""
_SLEEPS = "import time\nwhile seconds := input(): time.sleep(float(seconds)); print(flush=True)"


def _asks(*seconds: float) -> str:
    """Return a judge that begins a lap, lets the program work for so long, and so on."""
    return (
        f"import socket\nway = socket.socket(fileno=2)\nfor seconds in {seconds}:\n    way.send(b'lap'); way.recv(1)\n"
        "    print(seconds, flush=True); input()"
    )


async def _run(
    sandbox: BubblewrapSandbox, program: str, judge: str, lap: Callable[[Laps], Awaitable[float | None]]
) -> tuple[StepResult, list[float | None]]:
    """Return how the program ended, and what it had used when each lap began."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    begun: asyncio.Future[Laps] = asyncio.get_running_loop().create_future()
    step = Step((find_python(), "-c", program), ENVIRONMENT, replace(SMALL, cpu_s=600, wall_s=600), 65536)
    judging = replace(step, argv=(find_python(), "-c", judge), report=theirs)
    template = Template(16 << 20, SMALL)
    job = Job({}, replace(step, on_begin=begun.set_result), template)
    used: list[float | None] = []

    async def answer() -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):  # the judge was ended before it read the answer
            while await loop.sock_recv(ours, 3) == b"lap":  # a judge that is ended writes why
                used.append(await lap(await begun))
                await loop.sock_sendall(ours, b"\n")

    with ours, theirs:
        answering = asyncio.create_task(answer())
        try:
            ran = await sandbox.run(replace(job, judge=JudgeJob(Job({}, judging, template), frozenset({0}))))
        finally:
            theirs.close()
            await answering
    return ran, used


@pytest.fixture
def sandbox(lasting_sandbox: BubblewrapSandbox) -> BubblewrapSandbox:
    return lasting_sandbox


async def test_the_time_of_earlier_laps_does_not_count(sandbox: BubblewrapSandbox) -> None:
    ran, used = await _run(sandbox, _SPINS, _asks(0.4, 0.4, 0.4), lambda laps: laps.begin(0.7, 60))
    assert ran.stopped is None
    assert [round(seconds or 0, 1) >= 0.4 * lap for lap, seconds in enumerate(used)] == [True, True, True]


@pytest.mark.parametrize(
    ("program", "limits", "stopped"), [(_SPINS, (0.5, 60), "cpu"), (_SLEEPS, (60, 0.5), "wall")], ids=["cpu", "wall"]
)
async def test_a_lap_has_its_limits(
    sandbox: BubblewrapSandbox, program: str, limits: tuple[float, float], stopped: str
) -> None:
    ran, used = await _run(sandbox, program, _asks(0.1, 50), lambda laps: laps.begin(*limits))
    assert (ran.stopped, len(used)) == (stopped, 2)


async def test_no_lap_begins_when_the_step_has_ended(sandbox: BubblewrapSandbox) -> None:
    judge = "import socket\nway = socket.socket(fileno=2)\nprint(flush=True); way.send(b'lap'); way.recv(1)"

    async def lap(laps: Laps) -> float | None:
        await asyncio.wait({laps.ended})
        return await laps.begin(1, 1)

    ran, used = await _run(sandbox, "input()", judge, lap)
    assert (ran.exit_code, used) == (0, [None])
