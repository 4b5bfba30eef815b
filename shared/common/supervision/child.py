"""A supervised child process: start, end and restarts."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from shared.common.service.parent_death import die_with_parent
from shared.common.service.retry import RetryPolicy
from shared.common.supervision.forked import ForkedService

#: The first restart is almost immediate, because a killed process is missed at once.
BACKOFF: Final = RetryPolicy(base=0.2, cap=15.0)
_HEALTHY_AFTER: Final = 10.0  # s of running after which an exit counts as the first one


@dataclass(frozen=True, slots=True)
class ChildProgram:
    """A program to run. Programs of a higher `rank` are stopped earlier, those of equal rank together.

    If there is a `forked_module`, its first process is a fork of this one that runs this module. Later ones are not,
    because an upgrade may have replaced the code meanwhile.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    rank: int = 0
    forked_module: str | None = None


class Child:
    """The process of one program, through all its restarts. Only `kill` waits for its end."""

    def __init__(self, program: ChildProgram) -> None:
        self.program = program
        self.ready = False
        #: Time of its last message, on the monotonic clock.
        self.alive_at = 0.0
        self.failures = 0
        self._process: subprocess.Popen[bytes] | ForkedService | None = None
        self._started_at = 0.0
        #: Time of its next start, on the monotonic clock; None while it runs, and after it was stopped.
        self.restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, notify_address: str, watchdog_s: float) -> None:
        """Start it. It must report at least every `watchdog_s` seconds that it is alive."""
        was_started = self._started_at > 0
        self.ready = False
        self.restart_at = None
        self._started_at = time.monotonic()
        environment = {**self.program.environment, "NOTIFY_SOCKET": notify_address}
        environment["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        environment.pop("WATCHDOG_PID", None)  # set if systemd watches us, and then it is our pid
        if self.program.forked_module and not was_started:
            self._process = ForkedService(self.program.forked_module, environment)
            return
        self._process = subprocess.Popen(
            self.program.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=2,  # our standard output is for our caller
            start_new_session=True,  # Ctrl-C reaches only us, so that we stop the children in order
            # SIGKILL, because nothing would limit the time that it takes to stop. Every service survives a kill.
            preexec_fn=die_with_parent(signal.SIGKILL),
        )

    def exit_code(self) -> int | None:
        """Reap it, and return its exit code (negative for a signal); None if it runs, or was never started.

        The rest of its process group is killed.
        """
        if self._process is None:
            return None
        # Kill the group before it is reaped: until then the kernel cannot give its number to another group.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._signal_group(signal.SIGKILL)
        code = self._process.wait()
        self._process = None
        self.ready = False
        return code

    def schedule_restart(self) -> float:
        """Set `restart_at` by the backoff, and return the delay in seconds."""
        now = time.monotonic()
        self.failures = 1 if now - self._started_at > _HEALTHY_AFTER else self.failures + 1
        delay = BACKOFF.delay(self.failures)
        self.restart_at = now + delay
        return delay

    def terminate(self) -> None:
        """Ask it to shut down."""
        self.restart_at = None
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def abort(self) -> None:
        """Kill it and its process group. `exit_code` reaps it."""
        self.ready = False
        self._signal_group(signal.SIGKILL)

    def kill(self) -> None:
        """Kill it and its process group, and reap it."""
        self.restart_at = None
        if self._process is not None:
            self._signal_group(signal.SIGKILL)
            self._process.wait()
            self._process = None
            self.ready = False

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
