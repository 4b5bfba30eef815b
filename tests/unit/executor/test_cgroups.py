"""Finding and leaving cgroups, on folders that look like them."""

import os
from pathlib import Path

import pytest

from executor.sandbox import cgroups


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    for folder in (tmp_path, tmp_path / "user"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu io memory pids\n")
        (folder / "cgroup.subtree_control").write_text("")
    return tmp_path


def test_v2_makes_its_own_folder_and_hands_controllers_down(v2: Path) -> None:
    claimed = cgroups.claim(v2, "0::/user\n")
    assert claimed is not None
    assert claimed.version == 2
    folder = claimed.folders["unified"]
    assert folder == v2 / "user" / f"precieux-{os.getpid()}"
    assert (folder / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"


def test_v2_without_a_memory_controller_is_none(v2: Path) -> None:
    (v2 / "user/cgroup.controllers").write_text("hugetlb\n")
    assert cgroups.claim(v2, "0::/user\n") is None


def test_v1_takes_the_wanted_hierarchies_that_are_there(tmp_path: Path) -> None:
    for path in ("memory/own", "cpuacct", "pids/own"):
        (tmp_path / path).mkdir(parents=True)
    claimed = cgroups.claim(tmp_path, "5:pids:/own\n4:memory:/own\n2:cpuacct:/\n1:name=systemd:/\n0::/\n")
    assert claimed is not None
    assert claimed.version == 1
    assert set(claimed.folders) == {"memory", "cpuacct", "pids"}
    claimed.remove()
    assert list((tmp_path / "memory/own").iterdir()) == []


def test_v1_without_memory_is_none_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpuacct").mkdir()
    assert cgroups.claim(tmp_path, "4:memory:/\n2:cpuacct:/\n") is None
    assert list((tmp_path / "cpuacct").iterdir()) == []


def test_what_a_dead_executor_left_is_swept(tmp_path: Path) -> None:
    for path in ("memory", "cpuacct"):
        (tmp_path / path / "precieux-4194305/7.0").mkdir(parents=True)  # above the largest process id
        (tmp_path / path / f"precieux-{os.getppid()}").mkdir()
    claimed = cgroups.claim(tmp_path, "4:memory:/\n2:cpuacct:/\n")
    assert claimed is not None
    left = {folder.name for folder in (tmp_path / "memory").iterdir()}
    assert left == {f"precieux-{os.getpid()}", f"precieux-{os.getppid()}"}


def test_the_smallest_limit_on_processes_that_can_be_seen_is_known(tmp_path: Path) -> None:
    (tmp_path / "pod/container").mkdir(parents=True)
    (tmp_path / "pod/pids.max").write_text("1000\n")
    (tmp_path / "pod/container/pids.max").write_text("max\n")
    assert cgroups.most_processes(tmp_path, "0::/pod/container\n") == 1000
    assert cgroups.most_processes(tmp_path, "0::/\n") is None
    (tmp_path / "pids/own").mkdir(parents=True)
    (tmp_path / "pids/own/pids.max").write_text("77\n")
    assert cgroups.most_processes(tmp_path, "8:pids:/own\n0::/\n") == 77
