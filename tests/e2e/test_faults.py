"""Any process may be killed at any moment: nothing is lost, nothing is done twice, nothing is left behind."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.fixtures.processes import survivors
from tests.fixtures.up import Up
from tests.waiting import eventually_sync

pytestmark = pytest.mark.slow

#: A program that takes a moment, so that some are under way at the kill.
PROGRAM: Final = "import time\ntime.sleep(0.3)\nprint(int(input()) ** 2)\n"
VICTIMS: Final = ("executor", "queue_consumer", "job_runner", "api_service", "postgres")
BEFORE, AFTER = range(8), range(8, 12)


def insist(up: Up, source: Path, *, email: str, number: int) -> None:
    """Submit under an id of the client's choice, again and again until the server has accepted it."""

    def accepted() -> bool:
        try:
            up.submit(source, language="py", email=email, inputs=str(number), id=number)
        except requests.RequestException:
            return False
        except AssertionError as refused:
            if "is taken" not in str(refused):
                return False
            # It was registered before the answer was lost.
            up.request_execution(number)
        return True

    eventually_sync(accepted, timeout=30, what=f"submission {number} is accepted")


@pytest.mark.parametrize("victim", VICTIMS)
def test_any_process_may_be_killed_and_nothing_is_lost(running: Up, victim: str, tmp_path: Path) -> None:
    """P1, P2, P3 of the design."""
    email = f"{victim.replace('_', '.')}@example.com"
    source = tmp_path / "square.py"
    source.write_text(PROGRAM)
    base = 1_000_000 * (1 + VICTIMS.index(victim))
    for number in BEFORE:
        running.submit(source, language="py", email=email, inputs=str(base + number), id=base + number)
    killed = running.process_of(victim)
    os.kill(killed.pid, signal.SIGKILL)
    for number in AFTER:
        insist(running, source, email=email, number=base + number)

    for number in (base + each for each in (*BEFORE, *AFTER)):
        row = running.finished(email, number, timeout=45)
        assert (row["status"], row["verdict"], row["output"]) == ("executed", "ok", f"{number**2}\n")
        # A mail that was claimed as Postgres ended is found by the next poll after its lease.
        eventually_sync(partial(running.mails, number), timeout=90, what=f"the mail about {number} arrives")
        assert len(running.mails(number)) == 1
    assert running.process_of(victim).pid != killed.pid
    assert "asyncpg/pool.py" not in running.log


def start_an_endless_program(up: Up, tmp_path: Path) -> int:
    source = tmp_path / "endless.py"
    source.write_text("while True: pass")
    number = up.submit(source, language="py", email="endless@example.com")
    eventually_sync(
        lambda: up.results("endless@example.com")[number]["status"] == "executing", what="the program is taken up"
    )
    return number


def test_a_stop_leaves_no_process_and_the_next_start_goes_on(up: Up, tmp_path: Path) -> None:
    up.start()
    number = start_an_endless_program(up, tmp_path)
    processes = up.processes()
    assert up.stop() == 0, up.log
    assert not survivors(processes)

    up.start()
    row = up.finished("endless@example.com", number, timeout=60)
    assert row["verdict"] == "time_limit"
    assert len(eventually_sync(lambda: up.mails(number))) == 1


def test_killing_up_leaves_no_process_and_it_can_restart(up: Up, tmp_path: Path) -> None:
    up.start()
    number = start_an_endless_program(up, tmp_path)
    processes = up.processes()
    assert len(processes) > 5
    up.kill()
    eventually_sync(lambda: not survivors(processes), timeout=10, what="everything ends")

    up.start()
    row = up.finished("endless@example.com", number, timeout=60)
    assert row["verdict"] == "time_limit", f"{row}\n{up.log[-6000:]}"


def test_a_second_instance_is_refused_in_one_sentence(up: Up) -> None:
    up.start()
    [key_file] = up.data_dir.glob("api-key.*")
    key = key_file.read_text()
    for same_port, sentence in ((True, "cannot be used"), (False, "Another Precieux is running")):
        other = Up(up.data_dir)
        if same_port:
            other.port, other.data_dir = up.port, up.data_dir / "other"
            other.data_dir.mkdir()
        before = len(other.log) if not same_port else 0
        with pytest.raises(AssertionError):
            other.start()
        assert other.process
        assert other.process.returncode == os.EX_CONFIG
        assert sentence in other.log[before:]
    assert requests.get(f"{up.url}/readyz", timeout=5).ok
    assert key_file.read_text() == key, "the key of the running one is gone"


def test_a_stop_during_the_start_leaves_nothing(up: Up) -> None:
    """The stop comes at several moments of the start."""
    for delay in (0.1, 0.4, 0.8, 1.5):
        up.launch()
        time.sleep(delay)
        processes = up.processes()
        assert up.stop() in (0, -signal.SIGTERM)  # the latter while Python still starts
        assert not survivors(processes)
