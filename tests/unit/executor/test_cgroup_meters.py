"""The time that a step used before its program is subtracted, and never more than it used at all."""

import os
from pathlib import Path

import pytest

from executor.sandbox.keeper import files
from executor.sandbox.keeper.cgroup_meters import CgroupV1, CgroupV2
from executor.sandbox.keeper.meter import Usage
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


@pytest.mark.parametrize(("start_s", "left_s"), [(0.00005, 0.00015), (0.0005, 0)])
@pytest.mark.parametrize(("version", "hierarchies"), [(CgroupV1, ("memory", "cpuacct")), (CgroupV2, ("unified",))])
def test_the_start_of_a_step_is_not_its_programs(
    version: type[CgroupV1 | CgroupV2],
    hierarchies: tuple[str, ...],
    start_s: float,
    left_s: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "write", lambda *_: None)
    bases = {}
    for name in hierarchies:
        (tmp_path / name).mkdir()
        bases[name] = os.open(tmp_path / name, os.O_RDONLY | os.O_DIRECTORY)
    cgroup = version(bases, "step", _LIMITS)
    for name in hierarchies:
        for file, content in _FILES.items():
            (tmp_path / name / "step" / file).write_text(content)
    usage = cgroup.conclude(Usage(cpu_s=0, memory_bytes=0), start_s, None)
    assert usage.cpu_s == pytest.approx(left_s)
    cgroup.close()
    for base in bases.values():
        os.close(base)
