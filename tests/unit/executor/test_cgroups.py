"""Finding and removing cgroups, with plain folders in their place. `tests/security/test_cgroup_v2.py` has real ones."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from executor.sandbox.wall import cgroups
from executor.sandbox.wall.cgroups import Cause, NotTaken


def _group(root: Path, path: str) -> Path:
    group = root / path
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.controllers").write_text("cpu io memory pids\n")
    (group / "cgroup.subtree_control").write_text("")
    return group


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    _group(tmp_path, "user")
    return _group(tmp_path, "")


def _refusal(root: Path, own: str) -> NotTaken:
    with pytest.raises(NotTaken) as caught:
        cgroups.claim(root, own)
    return caught.value


def _mark(monkeypatch: pytest.MonkeyPatch, *groups: Path) -> None:
    monkeypatch.setattr(cgroups, "_is_marked", groups.__contains__)


def test_v2_makes_a_folder_and_enables_controllers(v2: Path) -> None:
    claimed = cgroups.claim(v2, "0::/user\n")
    assert claimed.version == 2
    folder = claimed.folders["unified"]
    assert folder == v2 / "user" / f"precieux-{os.getpid()}"
    for group in (folder, folder.parent):
        assert (group / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


def test_v2_programs_do_not_end_the_executor(v2: Path) -> None:
    """The kubelet sets `memory.oom.group` of a container."""
    (v2 / "user/memory.oom.group").write_text("1\n")
    (v2 / "user/memory.max").write_text("1000\n")
    folder = cgroups.claim(v2, "0::/user\n").folders["unified"]
    assert (v2 / "user/memory.oom.group").read_text() == "0"
    assert not (folder / "memory.oom.group").exists()


@pytest.mark.parametrize(("limit", "visible"), [("1000", 1000), ("9000", 5000), ("max", 5000)])
def test_memory_is_that_of_the_smallest_group(v2: Path, limit: str, visible: int) -> None:
    (v2 / "memory.max").write_text("5000\n")
    (v2 / "user/memory.max").write_text(limit)
    assert cgroups.memory_limit(v2, "0::/user\n") == visible
    assert cgroups.memory_limit(v2, "3:memory:/user\n") is None
    (v2 / "memory/user").mkdir(parents=True)
    (v2 / "memory/user/memory.limit_in_bytes").write_text(limit)
    assert cgroups.memory_limit(v2, "3:memory:/user\n") == (None if limit == "max" else int(limit))


def test_v2_works_without_optional_controllers(v2: Path) -> None:
    (v2 / "user/cgroup.controllers").write_text("io memory\n")
    folder = cgroups.claim(v2, "0::/user\n").folders["unified"]
    assert (folder / "cgroup.subtree_control").read_text() == "+memory"


@pytest.mark.parametrize(("group", "cause"), [("user", Cause.NOT_DELEGATED), (".", Cause.NO_CONTROLLER)])
def test_v2_needs_the_memory_controller(v2: Path, group: str, cause: Cause) -> None:
    (v2 / group / "cgroup.controllers").write_text("cpu pids\n")
    refusal = _refusal(v2, "0::/user\n")
    assert refusal.cause is cause
    assert str(refusal) == f"{v2 / group} does not have the memory controller"


@pytest.mark.parametrize("own", ["run.service", "run.service/precieux-aside", "run.service/main/deeper"])
def test_v2_uses_the_group_that_systemd_has_marked(v2: Path, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    unit = _group(v2, "user/run.service")
    _group(v2, f"user/{own}")
    _mark(monkeypatch, unit)
    assert cgroups.claim(v2, f"0::/user/{own}\n").folders["unified"].parent == unit


@pytest.mark.parametrize("own", ["run.scope", "run.scope/precieux-aside"])
def test_v2_uses_our_unit_below_the_users_systemd(v2: Path, monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    manager, unit = _group(v2, "user/user@0.service"), _group(v2, "user/user@0.service/app.slice/run.scope")
    _group(unit.parent, own)
    _mark(monkeypatch, manager)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    claimed = cgroups.claim(v2, f"0::/user/user@0.service/app.slice/{own}\n")
    assert claimed.folders["unified"].parent == unit


def test_v2_root_does_not_use_systemds_own_groups(v2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _group(v2, "session-1.scope")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    refusal = _refusal(v2, "0::/session-1.scope\n")
    assert refusal.cause is Cause.NOT_DELEGATED
    assert str(refusal) == f"{session} is not delegated: it is systemd's own"
    assert list(session.glob("precieux*")) == []


def test_v2_another_executor_finds_the_same_group(v2: Path) -> None:
    _group(v2, "user/precieux-aside")
    assert cgroups.claim(v2, "0::/user/precieux-aside\n").folders["unified"].parent == v2 / "user"


@pytest.mark.parametrize(
    ("number", "cause", "words"),
    [
        (errno.EROFS, Cause.READ_ONLY, "user is on a read-only file system"),
        (errno.EACCES, Cause.NOT_DELEGATED, "user is not delegated: it is owned by "),
        (errno.EBUSY, Cause.IN_THE_WAY, "user holds processes that cannot be moved: one of another PID namespace"),
        (errno.EOPNOTSUPP, Cause.REFUSED, "user cannot be used: Operation not supported"),
    ],
)
def test_v2_reports_the_kernels_refusal(
    v2: Path, monkeypatch: pytest.MonkeyPatch, number: int, cause: Cause, words: str
) -> None:
    def write(file: Path, value: str) -> None:
        raise OSError(number, os.strerror(number))

    (v2 / "user/cgroup.procs").write_text("0\n")
    monkeypatch.setattr(Path, "write_text", write)
    refusal = _refusal(v2, "0::/user\n")
    assert refusal.cause is cause
    assert words in str(refusal)
    assert not (v2 / "user" / f"precieux-{os.getpid()}").exists()


def test_v1_uses_the_mounted_hierarchies(tmp_path: Path) -> None:
    for path in ("memory/own", "cpuacct", "pids/own"):
        (tmp_path / path).mkdir(parents=True)
    claimed = cgroups.claim(tmp_path, "5:pids:/own\n4:memory:/own\n2:cpuacct:/\n1:name=systemd:/\n0::/\n")
    assert claimed.version == 1
    assert set(claimed.folders) == {"memory", "cpuacct", "pids"}
    claimed.remove()
    assert list((tmp_path / "memory/own").iterdir()) == []


def test_v1_uses_a_hierarchy_of_two_controllers_once(tmp_path: Path) -> None:
    for hierarchy in ("memory", "cpu,cpuacct"):
        (tmp_path / hierarchy).mkdir()
    for link in ("cpu", "cpuacct"):
        (tmp_path / link).symlink_to("cpu,cpuacct")
    claimed = cgroups.claim(tmp_path, "4:memory:/\n2:cpu,cpuacct:/\n")
    assert list(claimed.folders) == ["memory", "cpuacct"]
    claimed.remove()
    assert list((tmp_path / "cpu,cpuacct").iterdir()) == []


def test_v1_needs_a_hierarchy_for_each_required_controller(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "cpuacct").symlink_to("memory")
    assert _refusal(tmp_path, "4:memory,cpuacct:/\n").cause is Cause.REFUSED
    assert list((tmp_path / "memory").iterdir()) == []


def test_v1_needs_memory_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpuacct").mkdir()
    refusal = _refusal(tmp_path, "4:memory:/\n2:cpuacct:/\n")
    assert refusal.cause is Cause.NO_CONTROLLER
    assert str(refusal) == f"{tmp_path} does not have the memory controller"
    assert list((tmp_path / "cpuacct").iterdir()) == []


def test_missing_mounts_are_reported(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "4:memory:/\n0::/\n").cause is Cause.NOT_MOUNTED


def test_folders_of_a_dead_executor_are_removed(tmp_path: Path) -> None:
    for path in ("memory", "cpuacct"):
        (tmp_path / path / "precieux-4194305/7.0").mkdir(parents=True)  # above the largest process id
        (tmp_path / path / f"precieux-{os.getppid()}").mkdir()
    cgroups.claim(tmp_path, "4:memory:/\n2:cpuacct:/\n")
    left = {folder.name for folder in (tmp_path / "memory").iterdir()}
    assert left == {f"precieux-{os.getpid()}", f"precieux-{os.getppid()}"}


def test_the_folder_of_an_executor_that_is_not_seen_is_kept(tmp_path: Path) -> None:
    """Its process is in another PID namespace, and no box waits in its cgroups."""
    hidden = tmp_path / "memory/precieux-4194305"
    for name in ("memory", "cpuacct"):
        (tmp_path / name).mkdir()
    hidden.mkdir()
    with opened(hidden) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        cgroups.claim(tmp_path, "4:memory:/\n2:cpuacct:/\n")
    assert hidden.exists()


def test_an_executor_keeps_its_folder_from_others(tmp_path: Path) -> None:
    for name in ("memory", "cpuacct"):
        (tmp_path / name).mkdir()
    claimed = cgroups.claim(tmp_path, "4:memory:/\n2:cpuacct:/\n")
    with opened(claimed.folders["memory"]) as descriptor, pytest.raises(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_the_smallest_visible_limit_of_processes_counts(tmp_path: Path) -> None:
    (tmp_path / "pod/container").mkdir(parents=True)
    (tmp_path / "pod/pids.max").write_text("1000\n")
    (tmp_path / "pod/container/pids.max").write_text("max\n")
    assert cgroups.process_limit(tmp_path, "0::/pod/container\n") == 1000
    assert cgroups.process_limit(tmp_path, "0::/\n") is None
    (tmp_path / "pids/own").mkdir(parents=True)
    (tmp_path / "pids/own/pids.max").write_text("77\n")
    assert cgroups.process_limit(tmp_path, "8:pids:/own\n0::/\n") == 77
