"""Keeps a set of programs running until told to stop, in the manner of uvicorn's supervisor.

One thread, one loop. It wakes when a signal arrives (a child's end is one), when a child says how it is, or when
something is due. Signal handlers only take notes; the loop acts on them. A child that says nothing for too long is
ended, and started again like any that ended by itself.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self

from precieux.up.child import BACKOFF, Child, Program
from precieux.up.notify_socket import NotifySocket
from precieux.up.waiting import Waiting
from shared.errors import ConfigurationError, PrecieuxError
from shared.logging import get_logger
from shared.notify import notify_alive
from shared.watchdog import interval

log = get_logger(__name__)

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILURES_BEFORE_READY: Final = 5  # in a row, of a program that never was ready: it will not be by itself


class StopRequested(Exception):
    """A signal asked us to stop."""


class StartFailed(PrecieuxError):
    """A program could not be brought up at all."""


class Server(Protocol):
    """A server that manages its own process, such as the embedded Postgres."""

    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...


class Supervisor:
    """Use as a context manager, in the main thread; leaving it stops all children, highest rank first.

    Every waiting method raises `StopRequested` on SIGINT, SIGTERM or SIGHUP, `ConfigurationError` when a child
    that was never ready ended with EX_CONFIG (it has said why), and `StartFailed` when it keeps ending otherwise.
    A second signal during the stop cuts `grace` (seconds for each rank) short. A child that was ready must say at least
    every `watchdog` seconds that it is alive. What is waited for is logged if it takes longer than `long_wait` seconds.
    """

    def __init__(self, *, grace: float = 20.0, watchdog: float = 30.0, long_wait: float = 5.0) -> None:
        self._grace = grace
        self._watchdog = watchdog
        self._children: dict[str, Child] = {}
        self._seen_ready: set[str] = set()
        self._server: tuple[str, Server] | None = None
        self._server_restart_at: float | None = None
        self._server_failures = 0
        self._signals = 0
        self._alive_every = interval()
        self._alive_at = 0.0
        self._waiting = Waiting(long_wait)
        self._notify = NotifySocket()
        self._selector = selectors.DefaultSelector()
        self._previous_handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup, to outlive its terminal
            self._previous_handlers[number] = signal.signal(number, self._note_signal)
        # Python writes a byte here for each signal, so that one between two looks is not slept over.
        self._previous_wakeup = signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(self._notify, selectors.EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(self._previous_wakeup)
            for number, handler in self._previous_handlers.items():
                signal.signal(number, handler)
            self._selector.close()
            self._notify.__exit__(kind, error, trace)
            self._wake_read.close()
            self._wake_write.close()

    def start(self, programs: Iterable[Program]) -> None:
        """Start them all at once and return; `wait_ready` waits."""
        for program in programs:
            child = self._children[program.name] = Child(program)
            child.start(self._notify.address, self._watchdog)
            log.debug("child.started", child=program.name, pid=child.pid)

    def guard(self, name: str, server: Server) -> None:
        """From now on start `server` again whenever it is found dead."""
        self._server = (name, server)

    def wait_ready(self) -> None:
        """Return when every child has said that it is ready."""
        self._loop_until(lambda: not self._waiting.tell(self._unready()))

    def run_to_end(self, program: Program) -> None:
        """Run a program that ends by itself; `StartFailed` when it does not end well."""
        child = Child(program)
        child.start(self._notify.address, self._watchdog)
        try:
            while (code := child.exit_code()) is None:
                self._check_children()
                self._waiting.tell([program.name, *self._unready()])
                self._wait()
        finally:
            child.kill()
        if code == os.EX_CONFIG:
            raise ConfigurationError(f"{program.name} cannot run with these settings; it says why above.")
        if code != 0:
            raise StartFailed(f"{program.name} failed ({_describe(code)}); it says why above.")

    def run_forever(self) -> None:
        """Keep everything running; ends by raising."""
        self._loop_until(lambda: False)

    def _loop_until(self, reached: Callable[[], bool]) -> None:
        while True:
            self._check_children()
            if reached():
                return
            self._wait()

    def _say_that_we_are_alive(self) -> None:
        if self._alive_every is not None and time.monotonic() >= self._alive_at:
            notify_alive()
            self._alive_at = time.monotonic() + self._alive_every

    def _unready(self) -> list[str]:
        return [name for name, child in self._children.items() if not child.ready]

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if number in _STOP_SIGNALS:
            self._signals += 1

    def _wait(self) -> None:
        """Sleep until something happens or is due, then take note of who is ready."""
        if self._signals:
            raise StopRequested
        self._say_that_we_are_alive()
        due = [self._server_restart_at, self._waiting.tell_at, self._alive_at if self._alive_every else None]
        for child in self._children.values():
            due += [child.restart_at, child.heard_at + self._watchdog if child.ready else None]
        self._sleep_until(min((at for at in due if at is not None), default=None))
        if self._signals:
            raise StopRequested

    def _sleep_until(self, deadline: float | None) -> None:
        self._selector.select(None if deadline is None else max(0.0, deadline - time.monotonic()))
        try:
            while self._wake_read.recv(4096):
                pass
        except BlockingIOError:
            pass
        self._hear()

    def _hear(self) -> None:
        """Take note of what children have said."""
        for pid, lines in self._notify.messages():
            for child in self._children.values():
                if child.pid == pid:
                    child.heard_at = time.monotonic()
                    if b"READY=1" in lines:
                        child.ready = True
                        self._seen_ready.add(child.program.name)
                        log.debug("child.ready", child=child.program.name, pid=child.pid)

    def _check_children(self) -> None:
        """Note who has ended, and start again whoever is due."""
        self._check_server()
        self._hear()  # the server may have taken long
        now = time.monotonic()
        for name, child in self._children.items():
            if (code := child.exit_code()) is not None:
                self._note_exit(name, child, code)
            elif child.ready and now - child.heard_at > self._watchdog:
                log.error("child.silent", child=name, pid=child.pid, seconds=round(now - child.heard_at))
                child.abort()
            if child.restart_at is not None and child.restart_at <= now:
                child.start(self._notify.address, self._watchdog)
                log.info("child.restarted", child=name, pid=child.pid)
                self._waiting.begin_again()

    def _note_exit(self, name: str, child: Child, code: int) -> None:
        # Once it has been ready its settings are right: what is in its way now may go away.
        if code == os.EX_CONFIG and name not in self._seen_ready:
            raise ConfigurationError(f"{name} cannot run with these settings; it says why above.")
        delay = child.schedule_restart()
        if child.failures >= _FAILURES_BEFORE_READY and name not in self._seen_ready:
            raise StartFailed(f"{name} ended {child.failures} times without getting ready ({_describe(code)}).")
        log.warning("child.ended", child=name, how=_describe(code), restart_in=round(delay, 1))

    def _check_server(self) -> None:
        if self._server is None or self._server[1].running:
            return
        name, server = self._server
        if self._server_restart_at is not None and time.monotonic() < self._server_restart_at:
            return
        log.warning("child.ended", child=name, restart_in=0)
        try:
            server.start()
        except PrecieuxError as exc:
            self._server_failures += 1
            delay = BACKOFF.cap if self._server_failures > 8 else BACKOFF.base * 2**self._server_failures
            self._server_restart_at = time.monotonic() + delay
            log.error("child.start_failed", child=name, reason=str(exc), retry_in=delay)
        else:
            self._server_failures, self._server_restart_at = 0, None
            log.info("child.restarted", child=name)

    def _stop_all(self) -> None:
        """Rank by rank, so that nobody is asked for work by a part that outlives its helpers."""
        asked_before = self._signals
        for rank in sorted({child.program.rank for child in self._children.values()}, reverse=True):
            children = [child for child in self._children.values() if child.program.rank == rank]
            for child in children:
                child.terminate()
            deadline = time.monotonic() + self._grace
            while (left := [child for child in children if child.exit_code() is None and child.pid]) and (
                time.monotonic() < deadline and self._signals <= asked_before
            ):
                self._sleep_until(deadline)
            for child in left:
                log.warning("child.killed", child=child.program.name, reason="it did not end in time")
                child.kill()


def _describe(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
