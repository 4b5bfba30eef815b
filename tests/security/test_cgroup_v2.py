"""The executor in a real cgroup of version 2, which has to be delegated to the tests.

`make test-cgroup-v2` runs them in a virtual machine. On a host with systemd, this does:
`systemd-run --user --scope -p Delegate=yes .venv/bin/python -m pytest -m cgroup_v2 tests/security/test_cgroup_v2.py`
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from executor.sandbox.wall import cgroups
from tests.fixtures.executor import RunningExecutor, running_executor
from tests.fixtures.gate import missing
from tests.fixtures.processes import processes_named
from tests.fixtures.scope import WITH_A_BYSTANDER, Scope, scope
from tests.security.host import SLEEPER
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.security, pytest.mark.cgroup_v2]

_ROOT = Path(__file__).parent.parent.parent
_ROOT_GROUP = Path("/sys/fs/cgroup")
_CLAIM = """
from executor.sandbox.wall import cgroups
try:
    print(cgroups.claim().folders["unified"].parent)
except cgroups.NotTaken as exc:
    print(exc.cause.name, exc)
"""
#: Runs the command that follows as root of a user namespace (unshare(1)), which any user may do.
_AS_ROOT_INSIDE = ["unshare", "--user", "--map-root-user", "--mount"]


#: Print all that a program can read about its cgroup, in a forked process and in one that was started.
_SHOW_IN_PYTHON = """
import pathlib
for process in ("self", "1"):
    for file in ("cgroup", "mounts", "environ"):
        try:
            lines = pathlib.Path("/proc", process, file).read_text().splitlines()
        except OSError:  # those of process 1
            continue
        print(*(line for line in lines if file == "cgroup" or "cgroup" in line), sep="\\n")
"""
_SHOW_IN_C = """
#include <stdio.h>
int main(void) {
    char line[256];
    FILE *file = fopen("/proc/self/cgroup", "r");
    while (fgets(line, sizeof line, file)) fputs(line, stdout);
}
"""


@pytest.fixture(scope="module")
def ours() -> Iterator[Path]:
    """A group whose children have controllers."""
    if not (_ROOT_GROUP / "cgroup.controllers").exists():
        missing("cgroup v2", "run `make test-cgroup-v2`.")
    try:
        claimed = cgroups.claim()
    except cgroups.NotTaken as exc:
        missing("a delegated cgroup v2", f"start pytest with `systemd-run --user --scope -p Delegate=yes` ({exc}).")
    yield claimed.folders["unified"]
    claimed.remove()


@pytest.fixture
def delegated(ours: Path) -> Iterator[Scope]:
    with scope(ours) as delegated:
        yield delegated


def _claim(*prefix: str) -> str:
    """Start a process with the prefix. Return the group in which it makes its own, or why it cannot."""
    completed = subprocess.run(
        [*prefix, sys.executable, "-c", _CLAIM],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60 * PATIENCE,
    )
    return completed.stdout.strip()


def test_all_processes_of_the_group_move_aside(delegated: Scope) -> None:
    """A shell starts two other processes and two executors, one after the other."""
    twice = (
        f'sleep 600 >/dev/null 2>&1 & {sys.executable} -c "$0"; {sys.executable} -c "$0"; sleep 600 >/dev/null 2>&1 &'
    )
    completed = subprocess.run(
        [*delegated.prefix, "sh", "-c", twice, _CLAIM],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60 * PATIENCE,
    )
    assert completed.stdout.split() == [str(delegated.folder)] * 2
    assert delegated.processes() == []
    assert len(delegated.processes("precieux-aside")) == 2


def test_processes_that_start_meanwhile_move_aside_too(delegated: Scope) -> None:
    forks = 'while :; do /bin/true; done >/dev/null 2>&1 & exec "$@"'
    assert _claim(*delegated.prefix, "sh", "-c", forks, "sh") == str(delegated.folder)


def test_a_process_in_a_child_of_the_group_stays_there(delegated: Scope) -> None:
    """systemd starts it there if a unit has `DelegateSubgroup=`."""
    with scope(delegated.folder, delegated=False) as child:
        assert _claim(*child.prefix) == str(delegated.folder)
        assert "precieux-aside" not in delegated.children()


def test_the_root_of_a_cgroup_namespace_is_enough(ours: Path) -> None:
    """Containers that may write their cgroups see no mark of systemd."""
    mount = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
    inside = [*_AS_ROOT_INSIDE, "--cgroup", "sh", "-c", mount, "sh"]
    with scope(ours, delegated=False) as container:
        assert _claim(*container.prefix, *WITH_A_BYSTANDER, *inside) == "/sys/fs/cgroup"
        assert set((container.folder / "cgroup.subtree_control").read_text().split()) == {"cpu", "memory", "pids"}


def test_processes_that_cannot_be_moved_are_reported(delegated: Scope) -> None:
    """The shell's second child, in a PID namespace of its own, cannot see the first."""
    inside = [*_AS_ROOT_INSIDE, "--pid", "--fork", "--mount-proc"]
    message = _claim(*delegated.prefix, *WITH_A_BYSTANDER, *inside)
    reason = "holds processes that cannot be moved: one of another PID namespace"
    assert message.startswith(f"IN_THE_WAY {delegated.folder} {reason}")
    assert delegated.children() <= {"precieux-aside"}


def _group_of(pid: int) -> Path:
    return _ROOT_GROUP / Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::/")


@contextlib.asynccontextmanager
async def _sleeping_in(running: RunningExecutor) -> AsyncIterator[Path]:
    """Run a program, and yield the cgroup that it is in."""
    mark = f"sleeper-{secrets.token_hex(8)}"
    body = {"language": "py", "code": SLEEPER.format(mark=mark), "wall_limit": 60 * PATIENCE, "memory_limit": 128 << 20}
    async with httpx.AsyncClient(timeout=120 * PATIENCE) as client:
        request = asyncio.create_task(client.post(running.url, json=body))
        (pid,) = await eventually(lambda: processes_named(mark))
        yield _group_of(pid)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)


async def test_limits_are_set_in_the_kernel(delegated: Scope) -> None:
    prefix = [*delegated.prefix, *WITH_A_BYSTANDER]
    (delegated.folder / "memory.oom.group").write_text("1")  # as the kubelet does
    with running_executor(prefix=prefix, executor_slots="1", max_processes="77") as running:
        assert delegated.processes() == []
        assert (delegated.folder / "memory.oom.group").read_text() == "0\n"
        async with _sleeping_in(running) as group:
            assert group.parent == delegated.folder / f"precieux-{running.pid}"
            assert 128 << 20 <= int((group / "memory.max").read_text()) <= 256 << 20
            assert (group / "memory.oom.group").read_text() == "1\n"
            assert (group / "pids.max").read_text() == "77\n"
            for swap in group.glob("memory.swap.max"):  # if the kernel counts swap
                assert swap.read_text() == "0\n"
        await eventually(lambda: not group.exists(), what="the group of a run is removed")
    assert delegated.children() == {"precieux-aside"}


async def test_a_program_cannot_see_the_hosts_groups(delegated: Scope) -> None:
    with running_executor(prefix=delegated.prefix, executor_slots="1") as running:
        async with httpx.AsyncClient(timeout=120 * PATIENCE) as client:
            for language, code in (("py", _SHOW_IN_PYTHON), ("c", _SHOW_IN_C)):
                answer = (await client.post(running.url, json={"language": language, "code": code})).json()
                assert answer["output"].split() == ["0::/"], answer


async def test_two_executors_share_a_group(delegated: Scope) -> None:
    with (
        running_executor(prefix=delegated.prefix, warm_boxes="0") as first,
        running_executor(prefix=delegated.in_child("precieux-aside"), warm_boxes="0") as second,
    ):
        async with _sleeping_in(first) as one, _sleeping_in(second) as other:
            assert one.parent == delegated.folder / f"precieux-{first.pid}"
            assert other.parent == delegated.folder / f"precieux-{second.pid}"
    assert delegated.children() == {"precieux-aside"}


async def test_the_next_executor_removes_a_killed_ones_groups(delegated: Scope) -> None:
    with running_executor(prefix=delegated.prefix, expect_exit=-signal.SIGKILL, warm_boxes="0") as running:
        async with _sleeping_in(running):
            os.kill(running.pid, signal.SIGKILL)
            left = Scope(delegated.folder / f"precieux-{running.pid}")
            await eventually(left.is_empty, what="none of its processes is left")
    assert left.folder.name in delegated.children()
    _claim(*delegated.in_child("precieux-aside"))
    assert not left.folder.exists()
