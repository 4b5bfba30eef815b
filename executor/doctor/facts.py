"""Reads, or tries, the facts about this host that decide whether programs can be kept in."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from executor.doctor.remedies import Facts, Unit
from executor.sandbox.link import Mechanisms
from executor.sandbox.wall import find_bubblewrap

_TRIAL = Path(__file__).with_name("namespace_trial.py")
_TIMEOUT_S = 5
_CONTAINER_MARKS = (".dockerenv", "run/.containerenv")


def read_facts(mechanisms: Mechanisms, root: Path = Path("/")) -> Facts:
    """Return the facts. It takes as long as raising two walls, so only the doctor and a failed start call it."""

    def number(path: str) -> int | None:
        try:
            return int((root / path).read_text())
        except (OSError, ValueError):
            return None

    proc = root / "proc/self"
    in_container = any((root / mark).exists() for mark in _CONTAINER_MARKS)
    return Facts(
        as_root=mechanisms.privileged,
        is_bare_root=os.geteuid() == 0 and not mechanisms.privileged,
        in_container=in_container,
        unit=None if in_container else unit((proc / "cgroup").read_text()),
        max_user_namespaces=number("proc/sys/user/max_user_namespaces"),
        unprivileged_clone=number("proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts=number("proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        profile=_profile(proc / "attr/current"),
        masked=masked((proc / "mountinfo").read_text()),
        refused=_try(mechanisms.first_user if mechanisms.privileged else None),
        bubblewrap=str(mechanisms.bubblewrap),
        bubblewrap_says=find_bubblewrap.why_not(mechanisms.bubblewrap, mechanisms.privileged),
        python=sys.executable,
    )


def unit(own_groups: str) -> Unit | None:
    """Return the service of systemd that we are, by our cgroups (/proc/self/cgroup); None in a scope, as of a login."""
    for line in own_groups.splitlines():
        _, controllers, path = line.split(":", 2)
        names = [name for name in path.split("/") if name.endswith((".service", ".scope"))]
        if controllers in ("", "name=systemd") and names and names[-1].endswith(".service"):
            # The services of a user are below that of the user's own systemd.
            return Unit(names[-1], of_user=len(names) > 1)
    return None


def masked(mounts: str) -> tuple[str, ...]:
    """Return what is mounted over files of /proc (proc_pid_mountinfo(5)): where anything is, the kernel mounts no other
    /proc for us. An empty folder that nobody has mounted yet hides nothing."""
    found = re.findall(r"^(?:\S+ ){4}(/proc/\S+) .* - (\S+)", mounts, re.MULTILINE)
    return tuple(dict.fromkeys(path for path, kind in found if kind not in ("autofs", "binfmt_misc")))


def _profile(file: Path) -> str:
    """Return our AppArmor profile, or "" if there is none or nothing of the kind."""
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


def refusals(told: str) -> dict[str, str]:
    """Return the steps that the kernel refused and its errors, as `namespace_trial.py` tells them."""
    steps = dict(line.partition("\t")[::2] for line in told.splitlines())
    return {step: error or signal.SIGSYS.name for step, error in steps.items() if error != "ok"}
