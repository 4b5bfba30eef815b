"""Runs services as child processes, and reads their CPU time from /proc."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Final

from shared.common.service.parent_death import die_with_parent
from shared.common.supervision.notify_socket import NotifySocket
from tests.fixtures.processes import descendants

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@contextmanager
def service(
    module: str, environment: Mapping[str, str], arguments: Sequence[str] = (), stderr: IO[bytes] | None = None
) -> Iterator[int]:
    """Run one of our services, and yield its process id when it is ready."""
    with closing(NotifySocket()) as notify:
        command = [sys.executable, "-P", "-m", module, *arguments]
        with process(command, {**environment, "NOTIFY_SOCKET": notify.address}, stderr=stderr) as child:
            deadline = time.monotonic() + _START_SECONDS
            while not any(pid == child.pid and b"READY=1" in lines for pid, lines in notify.messages()):
                if child.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{module} did not become ready (exit code {child.poll()}): see above")
                select.select([notify.fileno()], [], [], 0.1)
            yield child.pid


@contextmanager
def services(modules: Sequence[str], environment: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """Run several of our services, and yield their process ids by module."""
    with ExitStack() as stack:
        yield {module: stack.enter_context(service(module, environment)) for module in modules}


@contextmanager
def process(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stderr: IO[bytes] | None = None,
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program, and stop it at the end of the block, by force if it must be."""
    child = subprocess.Popen(
        command,
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def cpu_seconds(pid: int, *, below: bool = False) -> float:
    """Return the user and system time of a process; with `below`, also that of its descendants, alive or reaped."""
    if below:
        return sum(own_and_waited(each) for each in (pid, *(child.pid for child in descendants(pid))))
    return _seconds(pid, 2)


def own_and_waited(pid: int) -> float:
    """Return the CPU time of a process, and of its children that have ended and were waited for."""
    return _seconds(pid, 4)


@contextmanager
def cpu_of(pids: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Yield a dictionary that holds the CPU seconds of each part in the block after its end, and those of `client`."""
    before = {part: cpu_seconds(pid, below=True) for part, pid in pids.items()}
    client = time.process_time()
    spent: dict[str, float] = {}
    yield spent
    spent |= {part: cpu_seconds(pid, below=True) - before[part] for part, pid in pids.items()}
    spent["client"] = time.process_time() - client


def _seconds(pid: int, times: int) -> float:
    """Return the sum of the first of the times of proc(5): user, system, and both of the children waited for."""
    try:
        # The name in parentheses may hold anything, so the fields are counted from its end.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11 : 11 + times])) / _TICKS
