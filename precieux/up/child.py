"""One supervised child process: how it is started, how it ends, when it may start again."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from precieux.parent_death import die_with_parent
from shared.retry import RetryPolicy

#: The first restart is all but immediate: a process that was killed is missed at once.
BACKOFF: Final = RetryPolicy(base=0.2, cap=15.0)
_HEALTHY_AFTER: Final = 10.0  # s of running that make an exit the first of its kind again
_RNG: Final = random.Random()  # noqa: S311  (jitter, not secrecy)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. Programs of a higher `rank` are stopped earlier, those of equal rank together."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    rank: int = 0


class Child:
    """The process of one program, through all its restarts. Does not wait, except in `kill`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ready = False
        #: When it last said that it is alive, on the monotonic clock.
        self.heard_at = 0.0
        self.failures = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        #: When to start again, on the monotonic clock; None while it runs, and after it was stopped on purpose.
        self.restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, notify_address: str, watchdog_s: float) -> None:
        """Start it; it shall say at least every `watchdog_s` seconds that it is alive."""
        self.ready = False
        self.restart_at = None
        self._started_at = time.monotonic()
        environment = {**self.program.environment, "NOTIFY_SOCKET": notify_address}
        environment["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        environment.pop("WATCHDOG_PID", None)  # if systemd watches us, it names us
        self._process = subprocess.Popen(
            self.program.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=2,  # standard output belongs to whoever runs us
            start_new_session=True,  # Ctrl-C reaches us alone, so that the order of the stop is ours
            # Not SIGTERM: with us gone nobody would bound its grace, and any service survives being killed.
            preexec_fn=die_with_parent(signal.SIGKILL),
        )

    def exit_code(self) -> int | None:
        """Reap it when it has ended (a negative number is a signal); None when it runs, or never did.

        Whatever it left in its process group ends with it.
        """
        if self._process is None:
            return None
        # Looked at before it is reaped: until then its number cannot be given to another process group.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._signal_group(signal.SIGKILL)
        code = self._process.wait()
        self._process = None
        self.ready = False
        return code

    def schedule_restart(self) -> float:
        """Set `restart_at` by the backoff; returns the delay in seconds."""
        now = time.monotonic()
        self.failures = 1 if now - self._started_at > _HEALTHY_AFTER else self.failures + 1
        delay = BACKOFF.delay(self.failures, _RNG)
        self.restart_at = now + delay
        return delay

    def terminate(self) -> None:
        """Ask it to end in order."""
        self.restart_at = None
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def abort(self) -> None:
        """End it and its process group now; `exit_code` reaps it."""
        self.ready = False
        self._signal_group(signal.SIGKILL)

    def kill(self) -> None:
        """End it and its process group now, and reap it."""
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
