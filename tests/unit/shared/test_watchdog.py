"""Reports on a real socket: they come only while the process is alive."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import structlog.testing

from shared.common.service.watchdog import Heartbeat, heartbeats, interval
from tests.waiting import eventually

INTERVAL = 0.02
_PATIENCE = 20
SERVICE = """
import sys
from shared.common.service.lifecycle import run_service
from shared.common.service.notify import notify_ready
async def serve(stop):
    notify_ready("doing nothing")
    await stop.wait()
sys.exit(run_service("idle", serve))
"""


class Listener:
    """The other end of the socket, like systemd's."""

    def __init__(self) -> None:
        name = f"precieux-test-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(f"\0{name}")
        self._socket.settimeout(_PATIENCE)
        self.environment = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(round(INTERVAL * 3e6))}

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    async def next_soon(self) -> str:
        return await asyncio.to_thread(self.next)

    def drain(self) -> list[str]:
        """Return the unread messages."""
        messages = []
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(self.next())
        self._socket.settimeout(_PATIENCE)
        return messages

    def fill(self) -> None:
        """Fill the socket's buffer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"WATCHDOG=1", self._socket.getsockname())

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with contextlib.closing(Listener()) as listener:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        for name, value in listener.environment.items():
            monkeypatch.setenv(name, value)
        yield listener


async def test_a_stuck_loop_reports_nothing(listener: Listener) -> None:
    async with heartbeats():
        assert await listener.next_soon() == "WATCHDOG=1"
        listener.drain()
        time.sleep(10 * INTERVAL)  # noqa: ASYNC251  (this is what being stuck is)
        assert listener.drain() == []
        assert await listener.next_soon() == "WATCHDOG=1"


async def test_a_stuck_thread_is_logged_and_stops_the_reports(listener: Listener) -> None:
    with Heartbeat("consumer", max_seconds=0) as heartbeat, structlog.testing.capture_logs() as records:
        async with heartbeats():
            await eventually(lambda: records)
            assert listener.drain() == []
            heartbeat._max_seconds = 60
            assert await listener.next_soon() == "WATCHDOG=1"
    assert (records[0]["event"], records[0]["thread"]) == ("watchdog.thread_is_stuck", "consumer")


async def test_a_thread_that_has_ended_is_not_watched(listener: Listener) -> None:
    with Heartbeat("consumer", max_seconds=0):
        pass
    async with heartbeats():
        assert await listener.next_soon() == "WATCHDOG=1"


async def test_a_listener_that_does_not_read_does_not_stop_the_loop(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.fill()
    async with heartbeats(), asyncio.timeout(_PATIENCE):
        await asyncio.sleep(3 * INTERVAL)
        monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-listens-there")
        await asyncio.sleep(3 * INTERVAL)
        monkeypatch.setenv("NOTIFY_SOCKET", listener.environment["NOTIFY_SOCKET"])
        listener.drain()
        assert await listener.next_soon() == "WATCHDOG=1"


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("30000000", None, 10.0),
        ("30000000", "ours", 10.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_interval_is_a_third_of_the_time_that_systemd_waits(
    monkeypatch: pytest.MonkeyPatch, microseconds: str | None, pid: str | None, seconds: float | None
) -> None:
    meant = str(os.getpid()) if pid == "ours" else pid
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", meant)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert interval() == seconds


def test_a_service_reports_ready_alive_and_stopping(listener: Listener) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVICE], env=os.environ | listener.environment) as process:
        try:
            messages = {listener.next(), listener.next()}
            assert messages == {"READY=1\nSTATUS=doing nothing", "WATCHDOG=1"}
            process.send_signal(signal.SIGTERM)
            while (word := listener.next()) == "WATCHDOG=1":
                pass
            assert word == "STOPPING=1"
            assert process.wait(20) == 0
        finally:
            process.kill()
