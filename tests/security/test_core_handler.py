"""Where the kernel starts a program for core dumps, which is root's and reads what the crashed program wrote, no crash
of ours starts it: neither of programs nor of compilers, nor of what makes boxes.

The kernel has one handler for all, so for a moment it is a script of the test. The kernel is asked to wait for it, so
the handler of a process whose end has been reported has run, if there was to be one.
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
from tests.fixtures.processes import pids_below
from tests.security.host import keeper

pytestmark = pytest.mark.security

_PATTERN, _MOST_AT_ONCE = Path("/proc/sys/kernel/core_pattern"), Path("/proc/sys/kernel/core_pipe_limit")
#: What the kernel calls a process that crashed, in the handler's argument: it has 15 characters.
_NAME = "precieux-crash"
_CRASHES = f"""
import ctypes, os, resource
ctypes.CDLL(None).prctl(15, b"{_NAME}", 0, 0, 0)
for most in (1, 0, 2, -1):
    if (pid := os.fork()) == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))
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

    def started_for(self, name: str) -> int:
        return self._log.read_text().splitlines().count(name) if self._log.exists() else 0


@pytest.fixture
def handler() -> Iterator[Handler]:
    """The host's, until the test ends."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        handler = Handler(Path(folder))
        before = [(file, file.read_text()) for file in (_PATTERN, _MOST_AT_ONCE)]
        try:
            _MOST_AT_ONCE.write_text("1000")
            _PATTERN.write_text(f"|{handler.script} %e")
        except OSError:
            pytest.skip("the host's handler of core dumps is not ours to change")
        try:
            _crash("control")
            if not handler.started_for("control"):
                pytest.skip("the kernel does not start a handler from here")
            yield handler
        finally:
            for file, content in before:
                file.write_text(content)


def _crash(name: str) -> None:
    """A process outside of any box, without core files, ends as programs do."""
    pid = os.fork()
    if pid == 0:
        Path("/proc/self/comm").write_text(name)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort()
    os.waitpid(pid, 0)


@pytest.fixture(params=["as it comes", pytest.param("ordinary user", marks=pytest.mark.slow)])
def running(request: pytest.FixtureRequest) -> Iterator[RunningExecutor]:
    with running_executor(request.param) as running:
        yield running


def test_no_crash_of_a_program_starts_the_hosts_handler(handler: Handler, running: RunningExecutor) -> None:
    answer = httpx.post(running.url, json={"language": "py", "code": _CRASHES}, timeout=60).json()
    assert (answer["verdict"], answer["output"]) == ("runtime_error", f"{signal.SIGABRT:d}\n" * 4)
    assert handler.started_for(_NAME) == 0


def test_nothing_inside_the_wall_can_start_it(running: RunningExecutor) -> None:
    httpx.post(running.url, json={"language": "py", "code": "print()"}, timeout=60)  # then boxes are ready
    processes = [keeper(running.pid), *pids_below(keeper(running.pid))]
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # a box that is given up
            limits = Path(f"/proc/{pid}/limits").read_text()
            (core,) = (line for line in limits.splitlines() if line.startswith("Max core file size"))
            assert core.split()[4:6] == ["1", "1"]
    assert len(processes) > 2


@pytest.mark.usefixtures("handler")
def test_without_the_right_to_prevent_it_the_doctor_refuses() -> None:
    """A hard limit of 0 cannot be raised to 1."""
    doctor = f"ulimit -Hc 0; exec {sys.executable} -m executor.doctor --json"
    done = subprocess.run(["/bin/sh", "-c", doctor], capture_output=True, text=True, timeout=60, check=False)
    report = json.loads(done.stdout)
    (row,) = (row for row in report["rows"] if not row["held"])
    assert (done.returncode, report["serves"]) == (1, False)
    assert row["guarantee"] == "no crash starts a program of the host"
    assert "ulimit -Hc 1" in row["remedy"]
