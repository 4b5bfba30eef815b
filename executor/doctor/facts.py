"""Finds out the facts about this host that decide whether the sandbox works, by reading and by trying."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from executor.doctor.remedies import Facts, Unit
from executor.sandbox.wall import find_bubblewrap
from executor.sandbox.wall.mechanisms import Mechanisms

_TRIAL = Path(__file__).with_name("namespace_trial.py")
_TIMEOUT_S = 5
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv")


def read_facts(mechanisms: Mechanisms, root: Path = Path("/")) -> Facts:
    """Return the facts. This takes as long as starting two walls, so only the doctor and a failed start do it."""

    def number(path: str) -> int | None:
        try:
            return int((root / path).read_text())
        except (OSError, ValueError):
            return None

    proc = root / "proc/self"
    in_container = any((root / mark).exists() for mark in _CONTAINER_MARKS)
    return Facts(
        as_root=mechanisms.privileged,
        in_container=in_container,
        unit=None if in_container else unit((root / "proc/self/cgroup").read_text()),
        old_kernel=_old_kernel(),
        max_user_namespaces=number("proc/sys/user/max_user_namespaces"),
        unprivileged_clone=number("proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts=number("proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        profile=_profile(proc / "attr/current"),
        masked=masked((proc / "mountinfo").read_text()),
        refused=_try(mechanisms.first_user if mechanisms.privileged else None),
        bubblewrap=str(mechanisms.bubblewrap),
        bubblewrap_error=find_bubblewrap.why_not(mechanisms.bubblewrap, mechanisms.privileged),
        python=sys.executable,
    )


def unit(own_groups: str) -> Unit | None:
    """Return our systemd service, from our cgroup of version 2 (/proc/self/cgroup). None in a scope, such as that of a
    login."""
    for line in own_groups.splitlines():
        _, controllers, path = line.split(":", 2)
        names = [name for name in path.split("/") if name.endswith((".service", ".scope"))]
        if not controllers and names and names[-1].endswith(".service"):
            # The services of a user are below the service of the user's systemd.
            return Unit(names[-1], of_user=len(names) > 1)
    return None


def masked(mounts: str) -> tuple[str, ...]:
    """Return the parts of /proc that mounts hide (proc_pid_mountinfo(5)). If there are any, no box can have its own.

    A mount point that hides only an empty folder does not count.
    """
    mount_points = re.findall(r"^(?:\S+ ){4}(/proc/\S+) .* - (\S+)", mounts, re.MULTILINE)
    return tuple(dict.fromkeys(path for path, kind in mount_points if kind not in ("autofs", "binfmt_misc")))


def _old_kernel() -> str:
    """Return the kernel's release if it lacks pidfd_open(2), which came with Linux 5.3, and otherwise ""."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as exc:
        return os.uname().release if exc.errno == errno.ENOSYS else ""
    return ""


def _profile(file: Path) -> str:
    """Return our AppArmor profile, or "" if there is none."""
    try:
        profile = file.read_text().strip("\0\n")
    except OSError:
        return ""
    return "" if profile == "unconfined" else profile


def _try(user: int | None) -> dict[str, str]:
    command = [sys.executable, "-I", "-S", str(_TRIAL), "-1" if user is None else str(user)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return refusals(done.stdout)


def refusals(output: str) -> dict[str, str]:
    """Return the steps that the kernel refused, with its errors, from the output of `namespace_trial.py`."""
    steps = dict(line.partition("\t")[::2] for line in output.splitlines())
    return {step: error or signal.SIGSYS.name for step, error in steps.items() if error != "ok"}
