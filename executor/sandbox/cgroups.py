"""Where, if anywhere, this process may make cgroups: looked up once at start, handed to the keeper as descriptors."""

import contextlib
import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

_V1_REQUIRED = ("memory", "cpuacct")
#: `cpu` makes one run one competitor for the processors, however many threads it has.
_V1_WANTED = ("pids", "cpu")
_V2_CONTROLLERS = ("memory", "pids", "cpu")
#: Our folders are named after the process that made them, so that a later one can tell which were left behind.
_NAME = "precieux-{pid}"
_ASIDE = "precieux-executor"
_OURS = re.compile(r"precieux-(\d+)")


@dataclass(frozen=True)
class Cgroups:
    """Folders that belong to this executor alone, by hierarchy (`unified` alone for version 2); it makes and removes
    them, the keeper makes one child per stage in each."""

    version: int
    folders: dict[str, Path]

    def remove(self) -> None:
        """Remove the folders and what the keeper left in them; all processes in them are dead."""
        for folder in self.folders.values():
            _remove_tree(folder)


def claim(root: Path = Path("/sys/fs/cgroup"), own: str | None = None) -> Cgroups | None:
    """Make our own folders where the memory of a tree can be limited, or say None: the keeper will sample instead."""
    own = own if own is not None else Path("/proc/self/cgroup").read_text()
    paths = _own_paths(own)
    with contextlib.suppress(OSError):
        return _claim_v2(root, paths) or _claim_v1(root, paths)
    return None


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


def _claim_v2(root: Path, paths: dict[str, str]) -> Cgroups | None:
    if not (root / "cgroup.controllers").exists() or "" not in paths:
        return None
    own = root / paths[""].lstrip("/")
    available = (own / "cgroup.controllers").read_text().split()
    if not set(_V2_CONTROLLERS) <= set(available):
        return None
    _sweep(own)
    ours = own / _NAME.format(pid=os.getpid())
    ours.mkdir()
    enable = " ".join(f"+{controller}" for controller in _V2_CONTROLLERS)
    try:
        _hand_down(own, enable)
        (ours / "cgroup.subtree_control").write_text(enable)
    except OSError:
        ours.rmdir()
        raise
    return Cgroups(2, {"unified": ours})


def _hand_down(own: Path, enable: str) -> None:
    """Let children of our group have controllers. For that it may hold no process itself, so we step aside; should
    somebody else be in it (or should this be a container's root), there is no way, and the write says so."""
    try:
        (own / "cgroup.subtree_control").write_text(enable)
    except OSError as exc:
        if exc.errno != errno.EBUSY:
            raise
        aside = own / _ASIDE
        aside.mkdir(exist_ok=True)
        (aside / "cgroup.procs").write_text("0")
        (own / "cgroup.subtree_control").write_text(enable)


def _claim_v1(root: Path, paths: dict[str, str]) -> Cgroups | None:
    folders: dict[str, Path] = {}
    try:
        for controller in (*_V1_REQUIRED, *_V1_WANTED):
            own = root / controller / paths.get(controller, "").lstrip("/")
            if controller not in paths or not own.is_dir():
                if controller in _V1_REQUIRED:
                    raise FileNotFoundError(own)
                continue
            _sweep(own)
            ours = own / _NAME.format(pid=os.getpid())
            ours.mkdir()
            folders[controller] = ours
    except OSError:
        for folder in folders.values():
            folder.rmdir()
        raise
    return Cgroups(1, folders)


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
                child.rmdir()
        folder.rmdir()
