"""A service as a child process that is restarted when it dies, as by any supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.common.service.parent_death import die_with_parent

#: The folder of this release.
ROOT: Final = Path(__file__).parent.parent.parent
_RESTART_AFTER: Final = 0.2  # s


@dataclass
class Service:
    """Use it in the main thread only: the child ends with the thread that started it.

    `prefix` are the words before the command, for example to run it on another host. `release` is the folder with the
    code that runs.
    """

    module: str
    environment: Mapping[str, str]
    log: Path
    options: Sequence[str] = ()
    prefix: Sequence[str] = ()
    release: Path = ROOT
    deaths: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _died_at: float = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def catches_sigterm(self) -> bool:
        """True if it is so far that it ends cleanly when it is asked to."""
        status = Path(f"/proc/{self.pid}/status").read_text() if self.running else ""
        caught = status.partition("SigCgt:")[2].split(maxsplit=1)[:1]
        return bool(caught and int(caught[0], 16) >> (signal.SIGTERM - 1) & 1)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "tests.chaos.child", *self.options, self.module],
                cwd=self.release,
                env={**self.environment, "PYTHONPATH": str(self.release)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    def tend(self) -> None:
        """Restart it a moment after its death; call this often."""
        if self._process is None or self.running:
            return
        if not self._died_at:
            self.deaths += 1
            self._died_at = time.monotonic()
        elif time.monotonic() - self._died_at > _RESTART_AFTER:
            self._died_at = 0.0
            self.start()

    def kill(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int | None:
        """Stop it cleanly, and return the exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def wait_dead(self, timeout: float) -> int:
        """Return the exit code with which it ends by itself; a negative number is a signal."""
        assert self._process is not None
        return self._process.wait(timeout)

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))
