"""Known reasons why a host does not let programs be kept in, and for each the one command that mends it. Pure."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Facts:
    """What of the host decides; None where the kernel has no such switch."""

    max_user_namespaces: int | None
    unprivileged_clone: int | None
    apparmor_restricts: int | None
    in_container: bool
    as_root: bool


def read_facts(as_root: bool, root: Path = Path("/")) -> Facts:
    def number(path: str) -> int | None:
        try:
            return int((root / path).read_text())
        except (OSError, ValueError):
            return None

    return Facts(
        max_user_namespaces=number("proc/sys/user/max_user_namespaces"),
        unprivileged_clone=number("proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts=number("proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        in_container=any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv")),
        as_root=as_root,
    )


def remedy(words: str, facts: Facts) -> str:
    """What to do when the wall cannot be raised; `words` are bubblewrap's or the kernel's own."""
    if facts.max_user_namespaces == 0:
        return "User namespaces are switched off: run `sysctl -w user.max_user_namespaces=15000`."
    if not facts.as_root and facts.unprivileged_clone == 0:
        return "User namespaces are for root alone: run `sysctl -w kernel.unprivileged_userns_clone=1`."
    if not facts.as_root and facts.apparmor_restricts == 1:
        return (
            "AppArmor forbids user namespaces to programs without a profile: "
            "run `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
        )
    if "mount proc" in words or "proc on" in words:
        return "The container's /proc is masked: start it with `--security-opt systempaths=unconfined`."
    if facts.in_container:
        return (
            "The container forbids namespaces: start it with `--security-opt seccomp=deploy/executor-seccomp.json "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined`."
        )
    return "See docs/security.md for what the sandbox needs of a host."


def remedy_for_cgroups(facts: Facts) -> str:
    """How to get finer limits on a host where no cgroup could be made."""
    if facts.in_container:
        return "In a container there is no cgroup to write; give the container itself a memory limit."
    if facts.as_root:
        return "Mount cgroups with the memory controller at /sys/fs/cgroup."
    return "Start with `systemd-run --user --scope -p Delegate=yes ...`, or as root."
