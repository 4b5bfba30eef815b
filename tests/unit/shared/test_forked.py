"""A forked service is as if it had been started by a command, and shares the memory of the modules."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.common.supervision import child
from tests.fixtures.processes import arguments, descendants, survivors
from tests.waiting import eventually_sync

#: A process like `up`: it has handlers, descriptors and a secret of its own, and prints its child's exit code.
PARENT = """
import os, signal, sys
from pathlib import Path
from shared.common.supervision.forked import ForkedService
sys.path.append(sys.argv[1])
os.environ["OURS"] = "secret"
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
    signal.signal(number, lambda *_: None)
read, write = os.pipe()
os.set_blocking(write, False)
signal.set_wakeup_fd(write, warn_on_full_buffer=False)
child = ForkedService("service", {"THEIRS": "value"})
print(child.pid, flush=True)
print(child.wait(), flush=True)
"""
DESCRIBE = """
import json, os, signal, sys
from pathlib import Path
handlers = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGCHLD)]
print(json.dumps({
    "name": __name__, "environment": dict(os.environ), "handlers": handlers,
    "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")),
    "leads": os.getsid(0) == os.getpid(), "command": Path("/proc/self/cmdline").read_text().rstrip(chr(0)),
}), file=sys.stderr)
"""


def start(tmp_path: Path, service: str, *options: str) -> "subprocess.Popen[str]":
    (tmp_path / "service.py").write_text(service)
    command = [sys.executable, *options, "-c", PARENT, str(tmp_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(tmp_path: Path, service: str) -> tuple[int, str]:
    """Return the exit code of the service, and what it wrote to its standard error."""
    with start(tmp_path, service, "-P") as parent:
        output, errors = parent.communicate(timeout=60)
        assert parent.returncode == 0, errors
    return int(output.split()[1]), errors


def test_a_fork_has_nothing_of_its_parent_but_modules(tmp_path: Path) -> None:
    code, errors = run(tmp_path, DESCRIBE)
    seen: dict[str, Any] = json.loads(errors)
    assert code == 0
    assert seen == {
        "name": "__main__",
        "environment": {"THEIRS": "value"},
        "handlers": ["0", "0"],
        "blocked": 0,
        "descriptors": [0, 1, 2],
        "leads": True,
        "command": "python -m service",
    }


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("import sys; sys.exit(78)", 78),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit('a reason')", 1),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("raise RuntimeError('a defect')", os.EX_SOFTWARE),
    ],
)
def test_the_exit_code_of_a_fork(tmp_path: Path, service: str, code: int) -> None:
    ended, errors = run(tmp_path, service)
    assert ended == code
    for text in ("a defect", "a reason"):
        assert (text in errors) == (text in service)


def test_a_fork_ignores_modules_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "service.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(here)
    with start(tmp_path, "") as parent:
        output, errors = parent.communicate(timeout=60)
    assert output.split()[1] == "0", errors


def test_a_fork_ends_with_its_parent(tmp_path: Path) -> None:
    with start(tmp_path, "import time; time.sleep(600)", "-P") as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        (child,) = descendants(parent.pid)
        assert child.pid == pid
        assert "service" in " ".join(arguments(pid))
        parent.send_signal(signal.SIGKILL)
    eventually_sync(lambda: not survivors([child]), what="the fork has ended")


def test_a_fork_ends_even_if_nobody_reads_its_errors(tmp_path: Path) -> None:
    """`up 2>&1 | tee log`, and `tee` is gone. No code of the parent may run in the child, nor the parent end."""
    parent = "import os, sys\nread, write = os.pipe()\nos.dup2(write, 2)\nos.close(write)\nos.close(read)\n"
    parent += "sys.stderr.write('lost')\n" + PARENT + "print('once', flush=True)\nos._exit(0)\n"
    (tmp_path / "service.py").write_text("import sys\ntry: print('lost', file=sys.stderr)\nexcept OSError: pass\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", parent, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.stdout.split()[1:] == ["0", "once"]


def test_only_the_first_process_of_a_service_is_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade may replace the code meanwhile, and a fork would mix both."""
    forked: list[str] = []

    def fork(module: str, environment: object) -> "subprocess.Popen[bytes]":
        forked.append(module)
        return subprocess.Popen(["true"])

    monkeypatch.setattr(child, "ForkedService", fork)
    service = child.Child(child.ChildProgram("service", ["true"], {}, forked_module="service"))
    for _ in range(2):
        service.start("@nobody", watchdog_s=1)
        eventually_sync(lambda: service.exit_code() == 0)
    assert forked == ["service"]


def test_a_name_that_the_kernel_cuts_in_a_character(tmp_path: Path) -> None:
    """The kernel keeps 15 bytes of the name of a process."""
    python = tmp_path / "aaaaaaaaaaaaaa\u00e9"
    python.symlink_to(sys.executable)
    (tmp_path / "service.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([python, "-c", PARENT, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert done.stdout.split()[1:] == ["0"], done.stderr
