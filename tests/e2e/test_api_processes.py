"""Several processes of the API on one port: one that dies is started again alone, and a stop ends all."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from precieux.host.ports import free_ports
from tests.fixtures.processes import children
from tests.fixtures.up import SETTINGS, Up, running_system
from tests.waiting import eventually_sync

_KEY = "k" * 40
_RUN = {"language": "py", "source": "print(1)"}


@pytest.fixture
def two_processes() -> Iterator[Up]:
    # The services have the ports after it.
    metrics = free_ports(1)[0]
    own = {"PRECIEUX_API_PROCESSES": "2", "PRECIEUX_METRICS_PORT": str(metrics), "PRECIEUX_API_KEYS": _KEY}
    with running_system({**SETTINGS, **own}) as up:
        yield up


def _run(up: Up) -> bool:
    """Return whether a run was answered. Each has a connection of its own, so the kernel spreads them."""
    try:
        answer = requests.post(f"{up.url}/v1/run", json=_RUN, headers={"Authorization": f"Bearer {_KEY}"}, timeout=60)
    except requests.ConnectionError:
        return False
    return answer.ok


def _answered(up: Up) -> int:
    text = requests.get(f"http://127.0.0.1:{up.settings['PRECIEUX_METRICS_PORT']}/metrics", timeout=10).text
    (count,) = re.findall(r'precieux_http_requests_total{route="/v1/run",status="200"} (\d+)', text)
    return int(count)


@pytest.mark.slow
def test_a_process_that_dies_is_started_again_alone(two_processes: Up) -> None:
    watcher = two_processes.process_of("api_service").pid
    first, second = children(watcher)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(_run, two_processes) for _ in range(60)]
        eventually_sync(lambda: sum(run.done() for run in runs) > 20, what="some runs have ended")
        os.kill(first, signal.SIGKILL)
        failed = [run for run in runs if not run.result()]
    # At most as many calls were open there.
    assert len(failed) <= 4
    assert _answered(two_processes) == 60 - len(failed)
    eventually_sync(lambda: len(set(children(watcher)) - {first, second}) == 1, what="another process is there")
    assert second in children(watcher)
    processes = two_processes.processes()
    assert two_processes.stop() == 0
    assert not [process for process in processes if process.alive]


@pytest.mark.slow
def test_settings_that_are_wrong_end_the_start(two_processes: Up) -> None:
    two_processes.stop()
    two_processes.settings = {**two_processes.settings, "PRECIEUX_API_PROCESSES": "0"}
    assert two_processes.launch().wait(60) == os.EX_CONFIG
    assert "PRECIEUX_API_PROCESSES is wrong" in two_processes.log
