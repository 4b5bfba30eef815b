"""Attempts to break out of the sandbox, for the self-test at every start and for the doctor.

One program tries everything that isolation forbids and prints what worked. The others each run into one limit. The
attack suite (`tests/security`) tries more, but takes longer.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import (
    BoundedSandbox,
    Job,
    Sandbox,
    Step,
    StepLimits,
    StepResult,
    Template,
    WorkFile,
    find_python,
)

_LIMITS = StepLimits(
    cpu_s=5, wall_s=10, memory_bytes=256 << 20, processes=64, open_files=64, file_bytes=8 << 20, stack_bytes=8 << 20
)
#: The limits of a probe that ends by itself. If it takes longer, the machine is slow, and the guarantee may still hold.
_PATIENT = replace(_LIMITS, cpu_s=60, wall_s=60)
_OWN_FILE = str(Path(__file__).resolve())
_DISK_BYTES = 8 << 20
_OUTPUT_BYTES = 65536


@dataclass(frozen=True)
class ProbeResult:
    """One guarantee, and whether it `held`. If an `essential` one did not, the executor refuses to serve.

    `mechanism` is what provides the guarantee. If it is `better_by_cgroup`, a cgroup provides it where there is one.
    """

    guarantee: str
    mechanism: str
    essential: bool
    held: bool
    detail: str = ""
    better_by_cgroup: bool = False


#: The guarantee that each function of `isolation_probe.py` tries to break, and the mechanism behind it.
_ISOLATION = {
    "files": ("the host's files are out of sight", "bubblewrap's root, mount namespace"),
    "system": ("the system cannot be written", "read-only mounts"),
    "processes": ("other processes are out of sight", "pid namespace, /proc with hidepid"),
    "privileges": ("no user, capability or way to privileges", "user namespace, no capabilities, no_new_privs"),
    "calls": ("the kernel's dangerous calls are refused", "seccomp, list of allowed calls"),
    "namespaces": ("no new namespaces", "seccomp"),
    "network": ("no network, not even the host's loopback", "network namespace"),
    "crashes": ("no crash starts a program of the host", "RLIMIT_CORE of 1"),
    "environment": ("nothing of the host's environment", "fixed environment, closed descriptors"),
}


#: Isolation does not need this, but without it all programs in Java and JavaScript fail.
MAY_MAKE_CODE = "runtimes may compile as they run"


@dataclass(frozen=True)
class _LimitProbe:
    guarantee: str
    mechanism: str
    source: str
    limits: StepLimits
    held: Callable[[StepResult], bool]
    better_by_cgroup: bool = False


_LIMIT_PROBES = (
    _LimitProbe(
        "CPU time is limited",
        "sampling /proc, RLIMIT_CPU per process",
        "while True: pass",
        replace(_LIMITS, cpu_s=0.2),
        lambda result: result.stopped == "cpu",
        better_by_cgroup=True,
    ),
    _LimitProbe(
        "elapsed time is limited",
        "clock of the keeper, less waiting for a processor",
        "import time; time.sleep(60)",
        replace(_LIMITS, wall_s=0.3),
        lambda result: result.stopped == "wall",
    ),
    _LimitProbe(
        "memory is limited, of all processes together",
        "sampling the tree's memory in /proc",
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        block = b"x" * (30 << 20)
        time.sleep(9)
time.sleep(9)
""",
        replace(_LIMITS, memory_bytes=64 << 20),
        lambda result: result.stopped == "memory",
        better_by_cgroup=True,
    ),
    _LimitProbe(
        "processes are limited",
        "RLIMIT_NPROC in the user namespace",
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
        lambda result: result.stdout == b"held\n",
    ),
    _LimitProbe(
        "files are limited",
        "size of the tmpfs",
        """
try:
    for number in range(4):
        open(f"/tmp/{number}", "wb").write(bytes(3 << 20))
except OSError:
    print("held")
""",
        _PATIENT,
        lambda result: result.stdout == b"held\n",
    ),
    _LimitProbe(
        "output is limited",
        "counted while reading",
        "while True: print('x' * 1000)",
        _LIMITS,
        lambda result: result.stopped == "output",
    ),
    _LimitProbe(
        "nothing outlives a run",
        "end of the pid namespace",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
print("ended")
""",
        replace(_PATIENT, wall_s=30),
        lambda result: result.stdout == b"ended\n" and result.wall_s < 30,
    ),
    _LimitProbe(
        MAY_MAKE_CODE,
        "memory that is written and executed",
        """
import mmap
try:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except OSError as exc:
    raise SystemExit(f"memory that is written and executed: {exc.strerror}")
""",
        _PATIENT,
        lambda result: result.succeeded,
    ),
)


async def probe(sandbox: Sandbox, at_once: int) -> list[ProbeResult]:
    """Run all probes, `at_once` at a time. Raises `SandboxFailure` if the sandbox itself does not work."""
    bounded = BoundedSandbox(sandbox, at_once)

    async def run(source: str, limits: StepLimits, argument: str = "") -> StepResult:
        step = Step((find_python(), "probe.py", argument), ENVIRONMENT, limits, _OUTPUT_BYTES)
        files = {"probe.py": WorkFile(source.encode())}
        return await bounded.run(Job(files, step, Template(_DISK_BYTES, limits)))

    async def limit(probe_: _LimitProbe) -> ProbeResult:
        result = await run(probe_.source, probe_.limits)
        held = probe_.held(result)
        detail = "" if held else _describe(result)
        return ProbeResult(probe_.guarantee, probe_.mechanism, False, held, detail, probe_.better_by_cgroup)

    try:
        async with asyncio.TaskGroup() as group:  # if one fails, the group cancels the others
            isolation = group.create_task(_isolation(run))
            limits = [group.create_task(limit(probe_)) for probe_ in _LIMIT_PROBES]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [*isolation.result(), *(task.result() for task in limits)]


async def _isolation(run: Callable[[str, StepLimits, str], Awaitable[StepResult]]) -> list[ProbeResult]:
    source = resources.files(__package__).joinpath("isolation_probe.py").read_text()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        aims = {"port": listener.getsockname()[1], "files": [_OWN_FILE]}
        result = await run(source, _PATIENT, json.dumps(aims))
    try:
        worked: dict[str, str] = json.loads(result.stdout)
    except ValueError:
        worked = dict.fromkeys(_ISOLATION, _describe(result))
    return [
        ProbeResult(guarantee, mechanism, True, not worked.get(name, "not tried"), worked.get(name, "not tried"))
        for name, (guarantee, mechanism) in _ISOLATION.items()
    ]


def _describe(result: StepResult) -> str:
    output = (result.stderr or result.stdout)[-300:].decode(errors="replace").strip()
    return f"ended with {result.stopped or result.exit_code or result.signal}: {output}"
