"""Keeps a set of programs running until a stop signal, like uvicorn's supervisor.

It has one thread and one loop. The loop wakes when a signal arrives (the end of a child is one), when a child sends a
message, or when something is due. Signal handlers only set flags. A child that sends nothing for too long is killed,
and restarted like any child that ended.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final, Protocol, Self

from shared.common.service.errors import ConfigurationError, PrecieuxError
from shared.common.service.logging import get_logger
from shared.common.service.notify import notify_alive
from shared.common.service.watchdog import interval
from shared.common.supervision.child import BACKOFF, Child, ChildProgram
from shared.common.supervision.notify_socket import NotifySocket
from shared.common.supervision.waiting import StartReport

log = get_logger(__name__)

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILURES_BEFORE_READY: Final = 5  # exits of a program that was never ready, until we give up


class StopRequested(Exception):
    """A signal asked this process to stop."""


class StartFailed(PrecieuxError):
    """A program could not be started."""


class GuardedServer(Protocol):
    """A server that manages its own process, such as the embedded Postgres."""

    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...


class Supervisor:
    """Runs programs, as a context manager for the main thread. Its end stops all children, the highest rank first.

    Every waiting method raises `StopRequested` on SIGINT, SIGTERM or SIGHUP. If a child that was never ready exits with
    EX_CONFIG, it raises `ConfigurationError`; the child has logged why. If it keeps ending, it raises `StartFailed`.
    Each rank has `grace` seconds to stop; a second signal ends that time. A child that is ready must report at least
    every `watchdog` seconds that it is alive. A wait longer than `long_wait` seconds is logged.
    """

    def __init__(self, *, grace: float = 20.0, watchdog: float = 30.0, long_wait: float = 5.0) -> None:
        self._grace = grace
        self._watchdog = watchdog
        self._children: dict[str, Child] = {}
        self._once_ready: set[str] = set()
        self._server: tuple[str, GuardedServer] | None = None
        self._server_restart_at: float | None = None
        self._server_failures = 0
        self._signals = 0
        self._alive_every = interval()
        self._alive_at = 0.0
        self._waiting = StartReport(long_wait)
        self._notify = NotifySocket()
        self._selector = selectors.DefaultSelector()
        self._previous_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup, so that it outlives its terminal
            self._previous_handlers[number] = signal.signal(number, self._note_signal)
        # Python writes a byte here for each signal, so that a signal always ends the next sleep.
        self._previous_wakeup = signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(self._notify, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(self._previous_wakeup)
            for number, handler in self._previous_handlers.items():
                signal.signal(number, handler)
            self._selector.close()
            self._notify.close()
            self._wake_read.close()
            self._wake_write.close()

    def start(self, programs: Iterable[ChildProgram]) -> None:
        """Start all programs, and return at once. `wait_ready` waits for them."""
        for program in programs:
            child = self._children[program.name] = Child(program)
            if self._start(child):
                log.debug("child.started", child=program.name, pid=child.pid)

    def guard(self, name: str, server: GuardedServer) -> None:
        """Restart `server` from now on whenever it has died."""
        self._server = (name, server)

    def wait_ready(self) -> None:
        """Return when every child is ready."""
        self._loop_until(lambda: not self._waiting.report(self._unready()))

    def run_to_end(self, program: ChildProgram) -> None:
        """Run a program to its end. Raise `StartFailed` if it fails."""
        child = Child(program)
        try:
            child.start(self._notify.address, self._watchdog)
        except OSError as exc:
            raise StartFailed(f"{program.name} cannot be started: {exc.strerror}.") from exc
        try:
            while (code := child.exit_code()) is None:
                self._check_children()
                self._waiting.report([program.name, *self._unready()])
                self._wait()
        finally:
            child.kill()
        if code == os.EX_CONFIG:
            raise ConfigurationError(f"{program.name} cannot run with these settings: see its message above.")
        if code != 0:
            raise StartFailed(f"{program.name} failed ({_describe(code)}): see its message above.")

    def run_forever(self) -> None:
        """Keep everything running, until an exception ends it."""
        self._loop_until(lambda: False)

    def raise_if_stopped(self) -> None:
        """Raise `StopRequested` if a stop signal has arrived. A server calls it while it waits for its own start."""
        if self._signals:
            raise StopRequested

    def _loop_until(self, reached: Callable[[], bool]) -> None:
        while True:
            self._check_children()
            if reached():
                return
            self._wait()

    def _report_alive(self) -> None:
        if self._alive_every is not None and time.monotonic() >= self._alive_at:
            notify_alive()
            self._alive_at = time.monotonic() + self._alive_every

    def _unready(self) -> list[str]:
        return [name for name, child in self._children.items() if not child.ready]

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if number in _STOP_SIGNALS:
            self._signals += 1

    def _wait(self) -> None:
        """Sleep until something happens or is due, then read the children's messages."""
        self.raise_if_stopped()
        self._report_alive()
        due = [self._server_restart_at, self._waiting.report_at, self._alive_at if self._alive_every else None]
        for child in self._children.values():
            due += [child.restart_at, child.alive_at + self._watchdog if child.ready else None]
        self._sleep_until(min((at for at in due if at is not None), default=None))
        self.raise_if_stopped()

    def _sleep_until(self, deadline: float | None) -> None:
        self._selector.select(None if deadline is None else max(0.0, deadline - time.monotonic()))
        try:
            while self._wake_read.recv(4096):
                pass
        except BlockingIOError:
            pass
        self._read_messages()

    def _read_messages(self) -> None:
        """Read the children's messages, and note which children are alive and ready."""
        for pid, lines in self._notify.messages():
            for child in self._children.values():
                if child.pid == pid:
                    child.alive_at = time.monotonic()
                    if b"READY=1" in lines:
                        child.ready = True
                        self._once_ready.add(child.program.name)
                        log.debug("child.ready", child=child.program.name, pid=child.pid)

    def _check_children(self) -> None:
        """Note which children have ended, and restart those that are due."""
        self._check_server()
        self._read_messages()  # starting the server may have taken long
        now = time.monotonic()
        for name, child in self._children.items():
            if (code := child.exit_code()) is not None:
                self._note_exit(name, child, code)
            elif child.ready and now - child.alive_at > self._watchdog:
                log.error("child.silent", child=name, pid=child.pid, seconds=round(now - child.alive_at))
                child.abort()
            if child.restart_at is not None and child.restart_at <= now:
                if self._start(child):
                    log.info("child.restarted", child=name, pid=child.pid)
                self._waiting.reset()

    def _start(self, child: Child) -> bool:
        """Start it, or schedule another try if the kernel refuses it a process or memory."""
        try:
            child.start(self._notify.address, self._watchdog)
        except OSError as exc:
            self._note_end(child, f"it cannot be started: {exc.strerror}")
            return False
        return True

    def _note_exit(self, name: str, child: Child, code: int) -> None:
        # If it has been ready before, its settings are right, and the cause may pass.
        if code == os.EX_CONFIG and name not in self._once_ready:
            raise ConfigurationError(f"{name} cannot run with these settings: see its message above.")
        self._note_end(child, _describe(code))

    def _note_end(self, child: Child, how: str) -> None:
        name, delay = child.program.name, child.schedule_restart()
        if child.failures >= _FAILURES_BEFORE_READY and name not in self._once_ready:
            raise StartFailed(f"{name} ended {child.failures} times before it was ready ({how}).")
        log.warning("child.ended", child=name, how=how, next_try_s=round(delay, 1))

    def _check_server(self) -> None:
        if self._server is None or self._server[1].running:
            return
        name, server = self._server
        if self._server_restart_at is not None and time.monotonic() < self._server_restart_at:
            return
        log.warning("child.ended", child=name, next_try_s=0)
        try:
            server.start()
        except (PrecieuxError, OSError) as exc:
            self._server_failures += 1
            delay = BACKOFF.delay(self._server_failures)
            self._server_restart_at = time.monotonic() + delay
            log.error("child.start_failed", child=name, reason=str(exc), next_try_s=round(delay, 1))
        else:
            self._server_failures, self._server_restart_at = 0, None
            log.info("child.restarted", child=name)

    def _stop_all(self) -> None:
        """Stop the children rank by rank, so that a part ends before the parts that it uses."""
        signals_before = self._signals
        for rank in sorted({child.program.rank for child in self._children.values()}, reverse=True):
            children = [child for child in self._children.values() if child.program.rank == rank]
            for child in children:
                child.terminate()
            deadline = time.monotonic() + self._grace
            while (left := [child for child in children if child.exit_code() is None and child.pid]) and (
                time.monotonic() < deadline and self._signals <= signals_before
            ):
                self._sleep_until(deadline)
            for child in left:
                log.warning("child.killed", child=child.program.name, reason="it did not end in time")
                child.kill()


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-code}"
