"""No crash inside the wall starts the host's program for core dumps, which runs as root and reads what the crashed
program wrote.

The kernel has one handler for all processes, so for a moment it is a script of the test. The kernel waits for it, so
when the end of a process is reported, its handler has run.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.gate import leave_out
from tests.fixtures.processes import pids_below
from tests.security.host import keeper

pytestmark = pytest.mark.security

_PATTERN, _PIPE_LIMIT = Path("/proc/sys/kernel/core_pattern"), Path("/proc/sys/kernel/core_pipe_limit")
#: The name of the crashed process in the handler's argument, which has up to 15 characters.
_NAME = "precieux-crash"
_CRASHES = f"""
import ctypes, os, resource
ctypes.CDLL(None).prctl(15, b"{_NAME}", 0, 0, 0)
for limit in (1, 0, 2, -1):
    if (pid := os.fork()) == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        finally:
            os.abort()
    print(os.WTERMSIG(os.waitpid(pid, 0)[1]), flush=True)
os.abort()
"""


class Handler:
    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self.script = folder / "handler"
        self.script.write_text(f'#!/bin/sh\necho "$1" >> {self._log}\nexec cat > /dev/null\n')
        self.script.chmod(0o755)

    def count_starts_for(self, name: str) -> int:
        return self._log.read_text().splitlines().count(name) if self._log.exists() else 0


@pytest.fixture
def handler() -> Iterator[Handler]:
    """Replace the host's handler until the test ends."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        handler = Handler(Path(folder))
        before = [(file, file.read_text()) for file in (_PATTERN, _PIPE_LIMIT)]
        try:
            _PIPE_LIMIT.write_text("1000")
            _PATTERN.write_text(f"|{handler.script} %e")
        except OSError:
            leave_out("only root can change the host's handler of core dumps")
        try:
            _crash("control")
            if not handler.count_starts_for("control"):
                pytest.skip("the kernel starts no handler for processes here")
            yield handler
        finally:
            for file, content in before:
                file.write_text(content)


def _crash(name: str) -> None:
    """Crash a process outside of boxes, without core files."""
    pid = os.fork()
    if pid == 0:
        Path("/proc/self/comm").write_text(name)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort()
    os.waitpid(pid, 0)


@pytest.fixture(scope="module", params=["as it comes", pytest.param("ordinary user", marks=pytest.mark.slow)])
def running(request: pytest.FixtureRequest) -> Iterator[RunningExecutor]:
    with running_executor(request.param) as running:
        yield running


def test_no_crash_of_a_program_starts_the_hosts_handler(handler: Handler, running: RunningExecutor) -> None:
    answer = httpx.post(running.url, json={"language": "py", "code": _CRASHES}, timeout=60).json()
    assert (answer["verdict"], answer["output"]) == ("runtime_error", f"{signal.SIGABRT:d}\n" * 4)
    assert handler.count_starts_for(_NAME) == 0


def test_no_process_inside_the_wall_can_start_it(running: RunningExecutor) -> None:
    httpx.post(running.url, json={"language": "py", "code": "print()"}, timeout=60)  # afterwards boxes are ready
    processes = [keeper(running.pid), *pids_below(keeper(running.pid))]
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # its box has just gone
            limits = Path(f"/proc/{pid}/limits").read_text()
            (core,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["1", "1"]
    assert len(processes) > 2


@pytest.mark.usefixtures("handler")
@pytest.mark.slow
def test_the_doctor_refuses_a_host_with_a_core_handler() -> None:
    """A hard limit of 0 cannot be raised to 1."""
    doctor = f"ulimit -Hc 0; exec {sys.executable} -m executor.doctor --json"
    completed = subprocess.run(["/bin/sh", "-c", doctor], capture_output=True, text=True, timeout=60, check=False)
    report = json.loads(completed.stdout)
    (row,) = (row for row in report["rows"] if not row["held"])
    assert (completed.returncode, report["serves"]) == (1, False)
    assert row["guarantee"] == "no crash starts a program of the host"
    assert "ulimit -Hc 1" in row["remedy"]
