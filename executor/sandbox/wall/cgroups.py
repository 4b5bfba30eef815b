"""Finds where this process may make cgroups, or why it may not. The keeper gets the result at its start.

In version 2, a group that enables controllers for its children may contain no process itself. So all processes of our
group move into a child of it, if the group was delegated to us (cgroups(7), "Cgroups delegation").
"""

import contextlib
import enum
import errno
import fcntl
import os
import pwd
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Version 2 needs no controller to count CPU time.
_V1_REQUIRED, _V2_REQUIRED = ("memory", "cpuacct"), ("memory",)
#: `cpu` gives each run the same share of the processors, no matter how many threads it has.
_WANTED = ("pids", "cpu")
#: Our folders are named after the process that made them, so that a later one can find those that were left behind.
_NAME = "precieux-{pid}"
_OURS = re.compile(r"precieux-(\d+)")
#: The child into which processes move: the executor, the process that started it, and those that they start later.
_ASIDE = "precieux-aside"
#: The system's systemd marks the groups that it has delegated (`Delegate=`, systemd.resource-control(5)). A user's
#: systemd works in a delegated group and marks nothing. Users cannot read the second attribute.
_MARKS = ("user.delegate", "trusted.delegate")
#: The suffixes of systemd's units.
_UNITS = (".scope", ".service", ".slice")
#: How often all processes of a group are moved, because others may start in it in the meantime.
_MAX_PASSES = 100


@dataclass(frozen=True)
class Cgroups:
    """Folders that belong to this executor alone, by hierarchy (only `unified` for version 2). The executor makes and
    removes them; the keeper makes one child per step in each."""

    version: int
    folders: dict[str, Path]

    def remove_children(self) -> None:
        """Remove the cgroups that a keeper has left. All processes in them are dead."""
        for folder in self.folders.values():
            _remove_children(folder)

    def remove(self) -> None:
        """Remove the folders, and the cgroups in them. All processes in them are dead."""
        for folder in self.folders.values():
            _remove_tree(folder)


class Cause(enum.Enum):
    """Why there are no cgroups for this executor. Each cause has its own remedy."""

    NOT_MOUNTED = enum.auto()
    READ_ONLY = enum.auto()
    #: The group belongs to another user, or to systemd, or was delegated without a controller that we need.
    NOT_DELEGATED = enum.auto()
    #: The kernel has no such controller, for any group.
    NO_CONTROLLER = enum.auto()
    #: The group contains processes that cannot be moved.
    IN_THE_WAY = enum.auto()
    #: Any other cause; the message includes the kernel's error.
    REFUSED = enum.auto()


class NotTaken(Exception):
    """There are no cgroups for this executor, so limits are sampled. The message says why, without a full stop."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def claim(root: Path = Path("/sys/fs/cgroup"), listed: str | None = None) -> Cgroups:
    """Make the folders in which the keeper limits programs. Raises `NotTaken` if that fails.

    `own` is the text of /proc/self/cgroup.
    """
    paths = _own_paths(listed if listed is not None else Path("/proc/self/cgroup").read_text())
    if (root / "cgroup.controllers").exists():
        return _claim_v2(root, _base(root, root / paths[""].lstrip("/")))
    return _claim_v1(root, paths)


def process_limit(root: Path = Path("/sys/fs/cgroup"), listed: str | None = None) -> int | None:
    """Return the visible limit of processes and threads for our cgroup and all below it; None without a limit."""
    groups = [*_visible_groups(root, listed, ""), *_visible_groups(root / "pids", listed, "pids")]
    return min(filter(None, (_number(group / "pids.max") for group in groups)), default=None)


def memory_limit(root: Path = Path("/sys/fs/cgroup"), listed: str | None = None) -> int | None:
    """Return the visible limit of memory for our cgroup and all below it; None without a limit."""
    files = [group / "memory.max" for group in _visible_groups(root, listed, "")]
    files += [group / "memory.limit_in_bytes" for group in _visible_groups(root / "memory", listed, "memory")]
    return min(filter(None, map(_number, files)), default=None)


def _visible_groups(hierarchy: Path, listed: str | None, controller: str) -> Iterator[Path]:
    """Yield our cgroup and all above it, if there is such a hierarchy."""
    paths = _own_paths(listed if listed is not None else Path("/proc/self/cgroup").read_text())
    if controller in paths:
        group = hierarchy / paths[controller].lstrip("/")
        yield from (group, *group.parents)


def _number(file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # "max" is not a number
        return int(file.read_text())
    return None


def _claim_v2(root: Path, base: Path) -> Cgroups:
    with _explaining_errors(base):
        for group, cause in ((root, Cause.NO_CONTROLLER), (base, Cause.NOT_DELEGATED)):
            available = (group / "cgroup.controllers").read_text().split()
            if not set(_V2_REQUIRED) <= set(available):
                raise NotTaken(cause, f"{group} does not have the memory controller")
        enable = " ".join(f"+{name}" for name in (*_V2_REQUIRED, *_WANTED) if name in available)
        ours = _make_ours(base)
        try:
            _enable_controllers(base, enable)
            (ours / "cgroup.subtree_control").write_text(enable)
        except BaseException:
            ours.rmdir()
            raise
    # The kubelet lets the kernel end all processes of the group if one of them fills its memory.
    with contextlib.suppress(OSError):
        (base / "memory.oom.group").write_text("0")
    return Cgroups(2, {"unified": ours})


def _base(root: Path, own_group: Path) -> Path:
    """Return the group in which we may make others.

    It is the nearest group with systemd's mark, up to our unit's, because this process may be in a child of that.
    Without a mark, it is our own group.
    """
    groups = [own_group, *own_group.parents]
    groups = groups[: groups.index(root) + 1]
    marked = next((group for group in groups if _is_marked(group)), None)
    unit = next((group for group in groups if group.suffix in _UNITS), None)
    if marked and (unit is None or marked.is_relative_to(unit)):
        return marked
    # A mark above our unit is for a user's systemd, which marks nothing. Without a mark, the kernel decides what a user
    # may write, but root may write everything.
    if unit and not marked and os.geteuid() == 0:
        raise NotTaken(Cause.NOT_DELEGATED, f"{unit} is not delegated: it is systemd's own")
    return own_group.parent if own_group.name == _ASIDE else own_group


def _is_marked(group: Path) -> bool:
    for mark in _MARKS:
        with contextlib.suppress(OSError):
            if os.getxattr(group, mark) == b"1":
                return True
    return False


def _enable_controllers(base: Path, enable: str) -> None:
    """Enable controllers for the children of a group. All processes in it must move into a child first."""
    refusal = ""
    for _ in range(_MAX_PASSES):
        try:
            (base / "cgroup.subtree_control").write_text(enable)
        except OSError as exc:
            if exc.errno != errno.EBUSY:
                raise
            refusal = _move_aside(base) or refusal
        else:
            return
    left = ", ".join(map(_name, (base / "cgroup.procs").read_text().split()))
    raise NotTaken(Cause.IN_THE_WAY, f"{base} holds processes that cannot be moved: {left}. {refusal}".rstrip(" ."))


def _move_aside(base: Path) -> str:
    """Move all processes of the group into a child, and return why one could not be moved."""
    aside = base / _ASIDE
    aside.mkdir(exist_ok=True)
    refusal = ""
    for pid in (base / "cgroup.procs").read_text().split():
        try:
            if pid != "0":  # it is in another pid namespace
                (aside / "cgroup.procs").write_text(pid)
        except ProcessLookupError:
            pass
        except OSError as exc:
            refusal = str(exc.strerror)
    return refusal


def _name(pid: str) -> str:
    if pid == "0":
        return "one of another PID namespace"
    try:
        return f"{Path('/proc', pid, 'comm').read_text().strip()} ({pid})"
    except OSError:
        return pid


def _claim_v1(root: Path, paths: dict[str, str]) -> Cgroups:
    found_at = {name: root / name / paths[name].lstrip("/") for name in (*_V1_REQUIRED, *_WANTED) if name in paths}
    groups = {name: group for name, group in found_at.items() if group.is_dir()}
    missing = [name for name in _V1_REQUIRED if name not in groups]
    if not groups:
        raise NotTaken(Cause.NOT_MOUNTED, f"no cgroup of this process exists at {root}")
    if missing:
        raise NotTaken(Cause.NO_CONTROLLER, f"{root} does not have the {missing[0]} controller")
    folders: dict[str, Path] = {}
    try:
        for name, group in groups.items():
            # `cpu` is often a link to the hierarchy of `cpuacct`. The keeper uses a required one by its own name, so if
            # two of these are one hierarchy, the second is refused.
            if name in _V1_REQUIRED or not any(group.samefile(groups[other]) for other in folders):
                with _explaining_errors(group):
                    folders[name] = _make_ours(group)
    except NotTaken:
        for folder in folders.values():
            folder.rmdir()
        raise
    return Cgroups(1, folders)


def _make_ours(base: Path) -> Path:
    _sweep(base)
    ours = base / _NAME.format(pid=os.getpid())
    ours.mkdir()
    if _lock(ours) is None:
        raise NotTaken(Cause.REFUSED, f"{ours} was removed by another executor")
    return ours


def _lock(folder: Path) -> int | None:
    """Return a descriptor that holds a lock of the folder, or None if an executor holds it or the folder is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _explaining_errors(group: Path) -> Iterator[None]:
    """Raise `NotTaken` with the reason if the kernel refuses something in the group."""
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.EROFS:
            raise NotTaken(Cause.READ_ONLY, f"{group} is on a read-only file system") from exc
        if exc.errno in (errno.EACCES, errno.EPERM):
            message = f"{group} is not delegated: it is owned by {_owner(group)}"
            raise NotTaken(Cause.NOT_DELEGATED, message) from exc
        raise NotTaken(Cause.REFUSED, f"{group} cannot be used: {exc.strerror}") from exc


def _owner(path: Path) -> str:
    user = path.stat().st_uid
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _own_paths(text: str) -> dict[str, str]:
    """Return the paths in /proc/self/cgroup (cgroups(7)) by controller. The path of version 2 has the name ""."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _sweep(parent: Path) -> None:
    """Remove the folders of executors that were killed.

    An executor locks its folders while it lives, because one in another PID namespace does not see its process.
    """
    for folder in parent.glob("precieux-*"):
        match = _OURS.fullmatch(folder.name)
        if match and not Path(f"/proc/{match[1]}").exists() and (lock := _lock(folder)) is not None:
            _remove_tree(folder)
            os.close(lock)


def _remove_tree(folder: Path) -> None:
    _remove_children(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_children(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for child in folder.iterdir():
            if child.is_dir():
                with contextlib.suppress(OSError):  # the others must be removed all the same
                    child.rmdir()
