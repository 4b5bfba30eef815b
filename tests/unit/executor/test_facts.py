"""The facts that are read from the host, and those that are tried."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from executor.doctor.facts import masked, read_facts, refusals, unit
from executor.doctor.remedies import Unit
from executor.sandbox.wall.mechanisms import Mechanisms

_MECHANISMS = Mechanisms(Path("/nonexistent/bwrap"), privileged=False, first_user=None, cgroups=None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "sys/user/max_user_namespaces": "0\n",
        "sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
        "self/cgroup": "0::/system.slice/executor.service\n",
        "self/mountinfo": "22 27 0:21 / /proc rw - proc proc rw\n23 22 0:21 /sys /proc/sys ro - proc proc rw\n",
        "self/attr/current": "docker-default (enforce)\n",
    }
    for name, text in files.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(text)
    return tmp_path


def test_facts_are_read_from_proc(root: Path) -> None:
    facts = read_facts(_MECHANISMS, root)
    assert (facts.max_user_namespaces, facts.unprivileged_clone, facts.apparmor_restricts) == (0, None, 1)
    assert (facts.unit, facts.in_container) == (Unit("executor.service"), False)
    assert (facts.masked, facts.profile) == (("/proc/sys",), "docker-default (enforce)")
    assert facts.bubblewrap == "/nonexistent/bwrap"
    assert "cannot be run" in facts.bubblewrap_error


@pytest.mark.parametrize(("refusal", "is_old"), [(errno.ENOSYS, True), (errno.EPERM, False), (None, False)])
def test_a_kernel_is_old_if_it_lacks_a_call(
    root: Path, refusal: int | None, is_old: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pidfd_open(pid: int) -> int:
        if refusal is not None:
            raise OSError(refusal, os.strerror(refusal))
        return os.open("/dev/null", os.O_RDONLY)

    monkeypatch.setattr(os, "pidfd_open", pidfd_open)
    assert read_facts(_MECHANISMS, root).old_kernel == (os.uname().release if is_old else "")


def test_a_container_is_not_a_unit_of_its_host(root: Path) -> None:
    (root / ".dockerenv").touch()
    facts = read_facts(_MECHANISMS, root)
    assert (facts.unit, facts.in_container) == (None, True)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("0::/system.slice/executor.service", Unit("executor.service")),
        ("0::/system.slice/executor.service/precieux-aside", Unit("executor.service")),
        ("0::/system.slice/system-precieux.slice/precieux@run.service", Unit("precieux@run.service")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/executor.service",
            Unit("executor.service", of_user=True),
        ),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope", None),
        ("0::/user.slice/user-1000.slice/session-3.scope", None),
        ("4:memory:/system.slice/executor.service\n0::/user.slice/session-3.scope", None),
        ("0::/", None),
    ],
)
def test_a_unit_is_found_by_its_cgroup(own: str, expected: Unit | None) -> None:
    assert unit(own) == expected


def test_only_mounts_that_hide_parts_of_proc_count() -> None:
    mounts = """
22 27 0:21 / /proc rw,relatime - proc proc rw
30 22 0:33 / /proc/sys/fs/binfmt_misc rw,relatime shared:13 - autofs systemd-1 rw
31 30 0:44 / /proc/sys/fs/binfmt_misc rw,relatime - binfmt_misc binfmt_misc rw
32 22 0:5 /null /proc/kmsg ro,nosuid - devtmpfs udev rw
33 22 0:21 /sys /proc/sys ro,nosuid shared:1 master:2 - proc proc rw
34 27 0:21 / /srv/proc/sys rw - proc proc rw
"""
    assert masked(mounts) == ("/proc/kmsg", "/proc/sys")


def test_the_trial_reports_refused_and_fatal_steps() -> None:
    output = "openat2\tENOSYS\nnetlink\tok\nuser namespace\tok\nmount\t"
    assert refusals(output) == {"openat2": "ENOSYS", "mount": "SIGSYS"}


def test_the_trial_takes_every_step_if_boxes_can_be_made() -> None:
    trial = Path(read_facts.__code__.co_filename).with_name("namespace_trial.py")
    done = subprocess.run([sys.executable, "-I", str(trial), "-1"], capture_output=True, text=True, check=True)
    steps = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    filtered = ["openat2", "netlink", "unshare", "mount"]
    assert steps == [*filtered, "user namespace", "id map", "namespaces", "mounts"]
    assert refusals(done.stdout) == {}
