"""Runs commands with a time limit in a virtual machine, over ssh."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.hosts.reporting import HostsError

#: Seconds between SIGTERM and SIGKILL for a command that exceeds its limit.
_GRACE_S: Final = 5
#: Seconds that the connection may take in addition to the command's limit.
_CONNECTION_S: Final = 120


@dataclass(frozen=True)
class CommandResult:
    """How a command ended. `seconds` do not include the login. `timed_out` is True if the command was killed at its
    limit, and `lost` if the login failed or the connection broke."""

    exit_code: int
    output: str
    error: str
    seconds: float
    timed_out: bool = False
    lost: bool = False

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out and not self.lost

    @property
    def words(self) -> str:
        """The end of its standard error, or of its output if that is empty."""
        return (self.error.strip() or self.output.strip())[-2000:]


@dataclass(frozen=True)
class Guest:
    port: int
    key: Path

    def run(self, user: str, command: str, limit_s: float, stdin: bytes = b"") -> CommandResult:
        """Run a shell command in a new login of `user`. Each login is a new systemd session."""
        limited = f"timeout --kill-after={_GRACE_S} {limit_s:.0f} bash -c {shlex.quote(command)}"
        # The output goes to files. A unit that runs on would keep a pipe open, and so the connection.
        work = f"began=$EPOCHREALTIME; {limited} >output 2>error; code=$?; ended=$EPOCHREALTIME"
        remote = f'cd "$(mktemp -d)" && {work}; cat output; cat error >&2; echo "$began $ended" >&2; exit $code'
        began = time.monotonic()
        try:
            process = subprocess.run(
                [*self._ssh(user), remote],
                input=stdin,
                capture_output=True,
                timeout=limit_s + _GRACE_S + _CONNECTION_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            return CommandResult(
                255, _text(exc.stdout), _text(exc.stderr), time.monotonic() - began, timed_out=True, lost=True
            )
        error, _, times = _text(process.stderr).rstrip("\n").rpartition("\n")
        try:
            seconds = float(times.split()[1]) - float(times.split()[0])
        except (ValueError, IndexError):
            return CommandResult(process.returncode, "", _text(process.stderr), time.monotonic() - began, lost=True)
        timed_out = process.returncode in (124, 137) and seconds >= limit_s
        return CommandResult(process.returncode, _text(process.stdout), error, seconds, timed_out)

    def answers(self) -> bool:
        """Return True if a login works."""
        command = [*self._ssh("root"), "true"]
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _ssh(self, user: str) -> list[str]:
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "ConnectTimeout": "60",
            "ServerAliveInterval": "30",
            "ServerAliveCountMax": "20",  # an emulated machine may not answer for minutes
            "LogLevel": "ERROR",
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port), *settings, f"{user}@127.0.0.1"]


#: Starts processes, because most of the time of a box is spent on that.
_WORK: Final = """
import subprocess, sys, time
began = time.monotonic()
for _ in range(10):
    subprocess.run([sys.executable, "-c", "import json, asyncio"], check=True)
print(time.monotonic() - began)
"""
#: Seconds that `_WORK` takes on a quiet machine with processors of 2023, and seconds that it may take.
_USUAL_S: Final = 1.0
_MAX_S: Final = 600


def measure_slowness(guest: Guest) -> float:
    """Return how many times slower the machine is than a quiet one of today, at least 1. It changes with other work."""
    result = guest.run("root", f"/usr/bin/python3 -c {shlex.quote(_WORK)}", _MAX_S)
    if not result.ok:
        raise HostsError(f"The speed of the machine could not be measured: {result.words}")
    return max(1.0, round(float(result.output) / _USUAL_S, 1))


def _text(stream: bytes | None) -> str:
    return (stream or b"").decode(errors="replace")
