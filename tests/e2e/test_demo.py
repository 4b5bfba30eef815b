"""`precieux demo` shows what it promises, and leaves nothing behind when it is stopped at any time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.processes import descendants, survivors
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow


def start_demo(temporary: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "precieux", "demo"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=accept_interrupts,
    )


def accept_interrupts() -> None:
    """Stop ignoring SIGINT. A shell starts its background jobs with SIGINT ignored, and the tests may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Return the demo's TMPDIR. As root, Postgres may not pass through its parents, but the demo must work."""
    path = tmp_path / "tmp"
    path.mkdir()
    return path


def left_behind(demo: subprocess.Popen[str], temporary: Path) -> list[Path]:
    return [*temporary.iterdir(), *Path("/tmp").glob(f"precieux-{demo.pid}-*")]


@pytest.mark.timeout(260)  # the machine may be busy
def test_the_demo_shows_results_and_two_mails_and_tidies_up(temporary: Path) -> None:
    with start_demo(temporary) as demo:
        output, errors = demo.communicate(timeout=240)
    assert demo.returncode == 0, output + errors
    assert "endless.c\ttime_limit\tas expected" in output
    assert "broken.c\tcompile_error\tas expected" in output
    assert output.count("Subject: ") == 2
    assert "سلام دنیا 🌱" in output
    assert not left_behind(demo, temporary)


@pytest.mark.parametrize("delay", [0.2, 1.0, 2.5, 5.0])
def test_an_interrupt_at_any_time_leaves_nothing(temporary: Path, delay: float) -> None:
    with start_demo(temporary) as demo:
        time.sleep(delay)
        processes = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=60)
    assert demo.returncode != 0
    eventually_sync(lambda: not survivors(processes), timeout=10, what="everything ends")
    assert not left_behind(demo, temporary)
