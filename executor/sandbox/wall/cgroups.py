"""Finds where this process may make cgroups, or why it may not. The keeper gets the result at its start.

In version 2 a group that hands controllers down to its children may hold no process itself. So all that stand in ours
step aside into a child, if the group was delegated to us (cgroups(7), "Cgroups delegation").
"""

import contextlib
import enum
import errno
import os
import pwd
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Version 2 needs no controller to count CPU time.
_V1_REQUIRED, _V2_REQUIRED = ("memory", "cpuacct"), ("memory",)
#: `cpu` makes one run one competitor for the processors, however many threads it has.
_WANTED = ("pids", "cpu")
#: Our folders are named after the process that made them, so that a later one can tell which were left behind.
_NAME = "precieux-{pid}"
_OURS = re.compile(r"precieux-(\d+)")
#: Where processes step aside to: the executor, what started it, and what those start from then on.
_ASIDE = "precieux-aside"
#: The machine's systemd marks what it has handed over (`Delegate=`, systemd.resource-control(5)). A user's systemd, to
#: which all of that is handed over, marks nothing. Users cannot read the second.
_MARKS = ("user.delegate", "trusted.delegate")
#: Endings of the groups of systemd's units.
_UNITS = (".scope", ".service", ".slice")
#: How often all that stand in a group are moved, as others may be started in it meanwhile.
_MOST_PASSES = 100


@dataclass(frozen=True)
class Cgroups:
    """Folders that belong to this executor alone, by hierarchy (`unified` alone for version 2); it makes and removes
    them, the keeper makes one child per step in each."""

    version: int
    folders: dict[str, Path]

    def remove(self) -> None:
        """Remove the folders and what the keeper left in them; all processes in them are dead."""
        for folder in self.folders.values():
            _remove_tree(folder)


class Cause(enum.Enum):
    """Why there are no cgroups for us. Each has its own remedy."""

    SWITCHED_OFF = enum.auto()
    NOT_MOUNTED = enum.auto()
    READ_ONLY = enum.auto()
    #: The group is another user's, or systemd's.
    NOT_DELEGATED = enum.auto()
    NO_CONTROLLER = enum.auto()
    #: Processes stand in the group that cannot be moved.
    IN_THE_WAY = enum.auto()
    #: Anything else; the kernel's error is in the words.
    REFUSED = enum.auto()


class NotTaken(Exception):
    """There are no cgroups for us, so limits are sampled. The message says why, without a full stop."""

    def __init__(self, cause: Cause, words: str) -> None:
        super().__init__(words)
        self.cause = cause


def claim(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> Cgroups:
    """Make our own folders where the memory of a tree can be limited. `own` is the text of /proc/self/cgroup."""
    paths = _own_paths(own if own is not None else Path("/proc/self/cgroup").read_text())
    if (root / "cgroup.controllers").exists():
        return _claim_v2(_base(root, root / paths[""].lstrip("/")))
    return _claim_v1(root, paths)


def most_processes(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> int | None:
    """Return the visible limit of processes and threads for our cgroup and all below it; None if there is none."""
    paths = _own_paths(own if own is not None else Path("/proc/self/cgroup").read_text())
    found = []
    for hierarchy, controller in ((root, ""), (root / "pids", "pids")):
        if controller in paths:
            group = hierarchy / paths[controller].lstrip("/")
            for folder in (group, *group.parents):
                with contextlib.suppress(OSError, ValueError):  # "max" is not a number
                    found.append(int((folder / "pids.max").read_text()))
    return min(found, default=None)


def _claim_v2(base: Path) -> Cgroups:
    with _telling_of(base):
        available = (base / "cgroup.controllers").read_text().split()
        if not set(_V2_REQUIRED) <= set(available):
            raise NotTaken(Cause.NO_CONTROLLER, f"{base} has not the controller memory")
        enable = " ".join(f"+{name}" for name in (*_V2_REQUIRED, *_WANTED) if name in available)
        ours = _make_ours(base)
        try:
            _hand_down(base, enable)
            (ours / "cgroup.subtree_control").write_text(enable)
        except BaseException:
            ours.rmdir()
            raise
    return Cgroups(2, {"unified": ours})


def _base(root: Path, own: Path) -> Path:
    """Return the group that is ours to divide, if the kernel lets us: the nearest that systemd has marked, up to that
    of our unit, as somebody may have put us into a child of it. Without a mark it is our own."""
    groups = [own, *own.parents]
    groups = groups[: groups.index(root) + 1]
    marked = next((group for group in groups if _is_marked(group)), None)
    unit = next((group for group in groups if group.suffix in _UNITS), None)
    if marked and (unit is None or marked.is_relative_to(unit)):
        return marked
    # A mark above our unit is for a user's systemd, which marks nothing. Without one, the kernel knows what a user may
    # write, but root may write all.
    if unit and not marked and os.geteuid() == 0:
        raise NotTaken(Cause.NOT_DELEGATED, f"{unit} is not delegated: it is systemd's own")
    return own.parent if own.name == _ASIDE else own


def _is_marked(group: Path) -> bool:
    for mark in _MARKS:
        with contextlib.suppress(OSError):
            if os.getxattr(group, mark) == b"1":
                return True
    return False


def _hand_down(base: Path, enable: str) -> None:
    """Let children of the group have controllers, for which all processes in it must step aside."""
    refusal = ""
    for _ in range(_MOST_PASSES):
        try:
            (base / "cgroup.subtree_control").write_text(enable)
        except OSError as exc:
            if exc.errno != errno.EBUSY:
                raise
            refusal = _step_aside(base) or refusal
        else:
            return
    there = ", ".join(map(_name, (base / "cgroup.procs").read_text().split()))
    raise NotTaken(Cause.IN_THE_WAY, f"{base} holds processes that cannot be moved: {there}. {refusal}".rstrip(" ."))


def _step_aside(base: Path) -> str:
    """Move all processes of the group into a child, and return why one could not be moved."""
    aside = base / _ASIDE
    aside.mkdir(exist_ok=True)
    refusal = ""
    for pid in (base / "cgroup.procs").read_text().split():
        try:
            if pid != "0":  # one of another pid namespace
                (aside / "cgroup.procs").write_text(pid)
        except ProcessLookupError:
            pass
        except OSError as exc:
            refusal = str(exc.strerror)
    return refusal


def _name(pid: str) -> str:
    try:
        return f"{Path('/proc', pid, 'comm').read_text().strip()} ({pid})" if pid != "0" else "one outside of our sight"
    except OSError:
        return pid


def _claim_v1(root: Path, paths: dict[str, str]) -> Cgroups:
    own = {name: root / name / paths[name].lstrip("/") for name in (*_V1_REQUIRED, *_WANTED) if name in paths}
    there = {name: group for name, group in own.items() if group.is_dir()}
    missing = [name for name in _V1_REQUIRED if name not in there]
    if not there:
        raise NotTaken(Cause.NOT_MOUNTED, f"there are no cgroups of ours at {root}")
    if missing:
        raise NotTaken(Cause.NO_CONTROLLER, f"{root} has not the controller {missing[0]}")
    folders: dict[str, Path] = {}
    try:
        for name, group in there.items():
            with _telling_of(group):
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
    return ours


@contextlib.contextmanager
def _telling_of(group: Path) -> Iterator[None]:
    """Say what it means for the group when the kernel refuses something in it."""
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.EROFS:
            raise NotTaken(Cause.READ_ONLY, f"{group} is on a read-only file system") from exc
        if exc.errno in (errno.EACCES, errno.EPERM):
            words = f"{group} is not delegated: it is owned by {_owner(group)}"
            raise NotTaken(Cause.NOT_DELEGATED, words) from exc
        raise NotTaken(Cause.REFUSED, f"{group} cannot be used: {exc.strerror}") from exc


def _owner(path: Path) -> str:
    user = path.stat().st_uid
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _own_paths(text: str) -> dict[str, str]:
    """`/proc/self/cgroup` (cgroups(7)): controller -> path; version 2 under the empty name."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _sweep(parent: Path) -> None:
    """Remove what an executor left that was killed outright."""
    for folder in parent.glob("precieux-*"):
        match = _OURS.fullmatch(folder.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for child in folder.iterdir():
            if child.is_dir():
                with contextlib.suppress(OSError):  # one that cannot be removed must not keep the others
                    child.rmdir()
        folder.rmdir()
