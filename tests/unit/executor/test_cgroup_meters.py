"""The time that a step used before its program is subtracted, and never more than it used at all. A cgroup that cannot
be made leaves neither folders nor descriptors."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.sandbox.keeper import files
from executor.sandbox.keeper.cgroup_limits import CgroupV1, CgroupV2
from executor.sandbox.keeper.meter import ResourceUsage
from executor.sandbox.keeper.protocol import StepLimits

_LIMITS = StepLimits(
    cpu_s=1, wall_s=1, memory_bytes=1 << 20, processes=1, open_files=16, file_bytes=1, stack_bytes=1 << 20
)
#: What the kernel's files say after 0.2 ms of CPU time, in both versions.
_FILES = {
    "cpu.stat": "usage_usec 200\n",
    "memory.events": "oom_kill 0\n",
    "memory.peak": "4096\n",
    "cpuacct.usage": "200000\n",
    "memory.oom_control": "oom_kill 0\n",
    "memory.max_usage_in_bytes": "4096\n",
}
_HIERARCHIES = [(CgroupV1, ("memory", "cpuacct")), (CgroupV2, ("unified",))]


@contextlib.contextmanager
def _opened(root: Path, hierarchies: tuple[str, ...]) -> Iterator[dict[str, int]]:
    """Make the folders of the hierarchies, and yield descriptors of them."""
    bases = {}
    for name in hierarchies:
        (root / name).mkdir()
        bases[name] = os.open(root / name, os.O_RDONLY | os.O_DIRECTORY)
    yield bases
    for base in bases.values():
        os.close(base)


@pytest.mark.parametrize(("version", "hierarchies"), _HIERARCHIES)
def test_the_start_of_a_step_is_not_its_programs(
    version: type[CgroupV1 | CgroupV2],
    hierarchies: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "write", lambda *_: None)
    with _opened(tmp_path, hierarchies) as bases:
        cgroup = version(bases, "step", _LIMITS)
        for name in hierarchies:
            for file, content in _FILES.items():
                (tmp_path / name / "step" / file).write_text(content)
        cgroup.begin(_LIMITS)
        assert cgroup.conclude(ResourceUsage(cpu_s=0, memory_bytes=0)).cpu_s == 0
        cgroup.close()


@pytest.mark.parametrize(("version", "hierarchies"), _HIERARCHIES)
def test_a_cgroup_that_cannot_be_made_leaves_nothing(
    version: type[CgroupV1 | CgroupV2], hierarchies: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(files, "write", refuse)
    with _opened(tmp_path, hierarchies) as bases:
        before = os.listdir("/proc/self/fd")
        with pytest.raises(OSError, match="busy"):
            version(bases, "step", _LIMITS)
        assert os.listdir("/proc/self/fd") == before
    assert not list(tmp_path.glob("*/step"))


def test_a_hierarchy_without_the_cgroup_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "write", lambda *_: None)
    with _opened(tmp_path, ("memory", "cpuacct")) as bases:
        (tmp_path / "cpuacct/step").mkdir()
        before = os.listdir("/proc/self/fd")
        with pytest.raises(FileExistsError):
            CgroupV1(bases, "step", _LIMITS)
        assert os.listdir("/proc/self/fd") == before
    assert not (tmp_path / "memory/step").exists()


def test_a_cgroup_that_cannot_be_joined_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "write", lambda *_: None)
    with _opened(tmp_path, ("memory", "cpuacct")) as bases:
        cgroup = CgroupV1(bases, "step", _LIMITS)
        (tmp_path / "memory/step/tasks").touch()
        before = os.listdir("/proc/self/fd")
        with pytest.raises(FileNotFoundError):
            cgroup.joins()
        assert os.listdir("/proc/self/fd") == before
        cgroup.close()


def test_v1_writes_each_limit_where_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cpu` may be one hierarchy with `cpuacct`."""
    written = set()

    def write(folder: int, file: str, content: bytes) -> None:
        path = os.readlink(f"/proc/self/fd/{folder}")
        if file == "cpu.shares" and "cpuacct" not in path:
            raise FileNotFoundError
        written.add((path, file))

    monkeypatch.setattr(files, "write", write)
    for hierarchies, has_weight in ((("memory", "pids"), False), (("memory", "cpuacct", "pids"), True)):
        root = tmp_path / str(has_weight)
        root.mkdir()
        with _opened(root, hierarchies) as bases:
            cgroup = CgroupV1(bases, "step", _LIMITS)
            assert cgroup.give_way() == has_weight
            cgroup.close()
    assert (f"{tmp_path}/True/cpuacct/step", "cpu.shares") in written
    assert (f"{tmp_path}/True/pids/step", "pids.max") in written
