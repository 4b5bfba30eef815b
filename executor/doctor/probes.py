"""Attempts to break out, small enough for every start: what the self-test and the doctor know about this host.

One program asks for everything that isolation forbids and says what it got; others each run into one limit. The
attack suite (`tests/security`) asks more, but takes longer.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from executor.catalogue import ENVIRONMENT
from executor.sandbox.base import File, Job, Sandbox, Step, StepLimits, StepResult, Template, find_python

_LIMITS = StepLimits(
    cpu_s=5, wall_s=10, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=8 << 20, stack_bytes=8 << 20
)
#: Of a probe that ends by itself: what it takes longer is the machine's slowness, and says nothing of a guarantee.
_PATIENT = replace(_LIMITS, cpu_s=60, wall_s=60)
_OWN_FILE = str(Path(__file__).resolve())
_DISK_BYTES = 8 << 20
_OUTPUT_BYTES = 65536


@dataclass(frozen=True)
class Finding:
    """`held` tells whether the guarantee stands; without an `essential` one the executor refuses to serve."""

    guarantee: str
    essential: bool
    held: bool
    detail: str = ""


#: What `isolation_probe.py` tries, and the guarantee that stands when it fails.
_ISOLATION = {
    "files": "the host's files are out of sight",
    "system": "the system cannot be written",
    "processes": "other processes are out of sight",
    "privileges": "no user, capability or way to privileges",
    "calls": "the kernel's dangerous calls are refused",
    "namespaces": "no new namespaces",
    "network": "no network, not even the host's loopback",
    "crashes": "no crash starts a program of the host",
    "environment": "nothing of the host's environment",
}


#: No guarantee of ours, but without it all programs in Java and JavaScript fail.
MAY_MAKE_CODE = "runtimes may compile as they run"


@dataclass(frozen=True)
class _LimitProbe:
    guarantee: str
    source: str
    limits: StepLimits
    held: Callable[[StepResult], bool]


_LIMIT_PROBES = (
    _LimitProbe(
        "CPU time is limited",
        "while True: pass",
        replace(_LIMITS, cpu_s=0.2),
        lambda ended: ended.stopped == "cpu",
    ),
    _LimitProbe(
        "elapsed time is limited",
        "import time; time.sleep(60)",
        replace(_LIMITS, wall_s=0.3),
        lambda ended: ended.stopped == "wall",
    ),
    _LimitProbe(
        "memory is limited, of all processes together",
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = b"x" * (30 << 20)
        time.sleep(9)
time.sleep(9)
""",
        replace(_LIMITS, memory_bytes=64 << 20),
        lambda ended: ended.stopped == "memory",
    ),
    _LimitProbe(
        "processes are limited",
        """
import os, signal
try:
    for _ in range(200):
        if os.fork() == 0:
            signal.pause()
except OSError:
    print("held")
""",
        _PATIENT,
        lambda ended: ended.stdout == b"held\n",
    ),
    _LimitProbe(
        "files are limited",
        """
try:
    for number in range(4):
        open(f"/tmp/{number}", "wb").write(bytes(3 << 20))
except OSError:
    print("held")
""",
        _PATIENT,
        lambda ended: ended.stdout == b"held\n",
    ),
    _LimitProbe(
        "output is limited",
        "while True: print('x' * 1000)",
        _LIMITS,
        lambda ended: ended.stopped == "output",
    ),
    _LimitProbe(
        "nothing outlives a run",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
print("ended")
""",
        replace(_PATIENT, wall_s=30),
        lambda ended: ended.stdout == b"ended\n" and ended.wall_s < 30,
    ),
    _LimitProbe(
        MAY_MAKE_CODE,
        """
import mmap
try:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except OSError as exc:
    raise SystemExit(f"memory that is written and executed: {exc.strerror}")
""",
        _PATIENT,
        lambda ended: ended.succeeded,
    ),
)


async def probe(sandbox: Sandbox, at_once: int) -> list[Finding]:
    """Run all probes, so many at once; `SandboxFailure` when the sandbox itself does not work."""
    free = asyncio.Semaphore(at_once)

    async def run(source: str, limits: StepLimits, argument: str = "") -> StepResult:
        step = Step((find_python(), "probe.py", argument), ENVIRONMENT, limits, _OUTPUT_BYTES)
        async with free:
            (ended,) = await sandbox.run(
                Job({"probe.py": File(source.encode())}, (step,), Template(_DISK_BYTES, limits))
            )
        return ended

    async def limit(probe_: _LimitProbe) -> Finding:
        ended = await run(probe_.source, probe_.limits)
        held = probe_.held(ended)
        return Finding(probe_.guarantee, False, held, "" if held else _tell(ended))

    try:
        async with asyncio.TaskGroup() as group:  # which leaves none running when one fails
            isolation = group.create_task(_isolation(run))
            limits = [group.create_task(limit(probe_)) for probe_ in _LIMIT_PROBES]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [*isolation.result(), *(task.result() for task in limits)]


async def _isolation(run: Callable[[str, StepLimits, str], Awaitable[StepResult]]) -> list[Finding]:
    source = resources.files(__package__).joinpath("isolation_probe.py").read_text()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        aims = {"port": listener.getsockname()[1], "files": [_OWN_FILE]}
        ended = await run(source, _PATIENT, json.dumps(aims))
    try:
        got: dict[str, str] = json.loads(ended.stdout)
    except ValueError:
        return [Finding(guarantee, True, False, _tell(ended)) for guarantee in _ISOLATION.values()]
    return [
        Finding(guarantee, True, not got.get(name, "not tried"), got.get(name, "not tried"))
        for name, guarantee in _ISOLATION.items()
    ]


def _tell(ended: StepResult) -> str:
    said = (ended.stderr or ended.stdout)[-300:].decode(errors="replace").strip()
    return f"ended with {ended.stopped or ended.exit_code or ended.signal}: {said}"
