"""Several processes of the API on one port: one that dies is started again alone, and a stop ends all."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from tests.fixtures.processes import children
from tests.fixtures.up import SETTINGS, Up, adjacent_ports, running_system
from tests.waiting import eventually_sync

_KEY = "k" * 40
_RUN = {"language": "py", "source": "print(1)"}


@pytest.fixture
def two_processes() -> Iterator[Up]:
    own = {
        "PRECIEUX_API_PROCESSES": "2",
        "PRECIEUX_METRICS_PORT": str(adjacent_ports()),
        "PRECIEUX_API_KEYS": _KEY,
        "PRECIEUX_CONNECTIONS_PER_ADDRESS": "8",
    }
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
    # Only calls that were open there: one for each client. Each may have been counted, or not.
    assert len(failed) <= 4
    assert abs(_answered(two_processes) - (60 - len(failed))) <= 4
    eventually_sync(lambda: len(set(children(watcher)) - {first, second}) == 1, what="another process is there")
    assert second in children(watcher)
    processes = two_processes.processes()
    assert two_processes.stop() == 0
    assert not [process for process in processes if process.alive]


@pytest.mark.slow
def test_the_bound_of_connections_is_that_of_all_processes(two_processes: Up) -> None:
    with ExitStack() as opened:
        held = []
        for _ in range(40):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", two_processes.port)))
            connection.sendall(b"GET /v1/languages HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1 << 16)
            held.append(connection)
        # A new one takes the place of one that waits for a request, which is closed before the answer to the new one.
        assert sum(map(_is_open, held)) == 8


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False


@pytest.mark.slow
def test_settings_that_are_wrong_end_the_start(two_processes: Up) -> None:
    two_processes.stop()
    two_processes.settings = {**two_processes.settings, "PRECIEUX_API_PROCESSES": "0"}
    assert two_processes.launch().wait(60) == os.EX_CONFIG
    assert "PRECIEUX_API_PROCESSES is wrong" in two_processes.log
