"""Process 1 and the zygotes: the state in which a program starts, their privileges, and failures of one of them."""

import asyncio
import collections
import contextlib
import itertools
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from executor.catalogue.installed import ENVIRONMENT
from executor.sandbox.base import Job, SandboxFailure, Shortcut, Step, Template, Wires, WorkFile, Zygote, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.keeper import channel
from tests.fixtures.gate import leave_out
from tests.fixtures.processes import pids_below
from tests.fixtures.step_limits import SMALL
from tests.security.host import zygotes
from tests.waiting import eventually

pytestmark = pytest.mark.security

_TEMPLATE = Template(16 << 20, SMALL)
_TIMEOUT_S = 30


def _shell(command: str) -> Job:
    return Job({}, Step(("/bin/sh", "-c", command), ENVIRONMENT, SMALL, 65536), _TEMPLATE)


async def test_a_program_starts_with_three_descriptors_and_signals(sandbox: BubblewrapSandbox) -> None:
    script = "umask; ls /proc/$$/fd; exec grep -E '^Sig(Blk|Ign)' /proc/self/status"
    result = await sandbox.run(_shell(script))
    none = [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]
    assert result.stdout.split() == [b"0022", b"0", b"1", b"2", *none]


async def test_a_program_that_gets_signals_blocks_none(sandbox: BubblewrapSandbox) -> None:
    """Process 1 blocks them until it forwards them."""
    ends = os.pipe()
    try:
        job = _shell("exec grep ^SigBlk /proc/self/status")
        result = await sandbox.run(replace(job, step=replace(job.step, wires=Wires(ends[0], ends[1], ends[1]))))
        assert result.exit_code == 0
        assert os.read(ends[0], 100).split() == [b"SigBlk:", b"0" * 16]
    finally:
        channel.close(ends)


async def test_a_program_that_cannot_start_is_reported(sandbox: BubblewrapSandbox) -> None:
    absent = Step(("/nowhere/absent",), ENVIRONMENT, SMALL, 100)
    with pytest.raises(SandboxFailure, match="/nowhere/absent: No such file or directory"):
        await sandbox.run(Job({}, absent, _TEMPLATE))


async def test_descriptors_that_are_dropped_are_reported(sandbox: BubblewrapSandbox) -> None:
    await sandbox.start()
    box = await sandbox._make(_TEMPLATE)
    await eventually(lambda: box.is_ready and len(sandbox._boxes) == 1)
    keeper = sandbox._link.keeper
    limits = resource.prlimit(keeper, resource.RLIMIT_NOFILE)
    opened = set(map(int, os.listdir(f"/proc/{keeper}/fd")))
    free = next(number for number in itertools.count() if number not in opened)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (free, limits[1]))
    sampled = "the box could not begin: .*Too many open files"  # the keeper opens the box's /proc before it sends any
    try:
        with pytest.raises(
            SandboxFailure, match=f"descriptors were dropped: a process has too many open files, or|{sampled}"
        ):
            await box.run(_shell("true"))
    finally:
        resource.prlimit(keeper, resource.RLIMIT_NOFILE, limits)
    result = await sandbox.run(_shell("true"))
    assert result.succeeded


@contextlib.asynccontextmanager
async def _neighbour(sandbox: BubblewrapSandbox) -> AsyncIterator[None]:
    """Run a program during the block, and check that it ends by itself."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    waits = (find_python(), "-c", "import os; os.write(0, b'r'); os.read(0, 1)")
    with ours:
        job = Job({"data": WorkFile(b"data")}, Step(waits, {}, SMALL, 100, theirs), _TEMPLATE)
        living = asyncio.create_task(sandbox.run(job))
        assert await asyncio.wait_for(loop.sock_recv(ours, 1), _TIMEOUT_S) == b"r"
        theirs.close()
        yield
        await loop.sock_sendall(ours, b".")
        result = await living
    assert (result.exit_code, result.stopped) == (0, None)


#: capabilities(7), by their numbers in linux/capability.h
_CHOWN, _KILL, _SETGID, _SETUID, _NET_ADMIN, _SYS_ADMIN, _SETFCAP = 0, 5, 6, 7, 12, 21, 31
_TO_LIVE = {_CHOWN, _KILL, _SETUID}
_TO_MAKE_BOXES = _TO_LIVE | {_SETGID, _SETFCAP, _NET_ADMIN, _SYS_ADMIN}


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _capabilities(status: dict[str, str], name: str) -> set[int]:
    return {number for number in range(64) if int(status[name], 16) >> number & 1}


async def test_process_one_and_zygotes_keep_only_what_they_need(sandbox: BubblewrapSandbox) -> None:
    def filters(pid: int) -> int:
        return int(_status(pid)["Seccomp_filters"])

    async with _neighbour(sandbox):
        (zygote,) = zygotes(os.getpid())
        (process_one, _program) = pids_below(zygote)
        for pid, most in ((zygote, _TO_MAKE_BOXES), (process_one, _TO_LIVE)):
            status = _status(pid)
            for kind in ("CapPrm", "CapEff"):
                assert _capabilities(status, kind) <= most
            for kind in ("CapBnd", "CapInh", "CapAmb"):
                assert _capabilities(status, kind) == set()
        assert filters(process_one) == filters(zygote) + 1


async def test_process_one_does_not_hold_the_files_beside_those_in_the_box(sandbox: BubblewrapSandbox) -> None:
    if os.geteuid() != 0:
        leave_out("only root may see the descriptors of process 1")

    def held() -> list[str]:
        (zygote,) = zygotes(os.getpid())
        folder = Path(f"/proc/{pids_below(zygote)[0]}/fd")
        return [link for link in map(os.readlink, folder.iterdir()) if "memfd" in link]

    async with _neighbour(sandbox):
        await eventually(lambda: held() == [])


async def test_process_one_cannot_write_kernel_settings(sandbox: BubblewrapSandbox) -> None:
    """Root needs no capability to write them, only a path. Another user is refused before the mount is looked at."""
    async with _neighbour(sandbox):
        (zygote,) = zygotes(os.getpid())
        root = Path(f"/proc/{pids_below(zygote)[0]}/root")
        for switch in ("sys/kernel/core_pattern", "sys/vm/overcommit_memory"):
            assert os.statvfs(root / "proc" / switch).f_flag & os.ST_RDONLY
            with pytest.raises(OSError, match="Read-only" if os.geteuid() == 0 else "Read-only|Permission denied"):
                os.close(os.open(root / "proc" / switch, os.O_WRONLY))


async def test_a_dead_zygote_is_replaced_and_its_boxes_live_on(sandbox: BubblewrapSandbox) -> None:
    async def works() -> bool:
        try:
            return (await sandbox.run(_shell("echo again"))).stdout == b"again\n"
        except SandboxFailure:  # ordered from the zygote that has just died
            return False

    async with _neighbour(sandbox):
        for zygote in zygotes(os.getpid()):
            os.kill(zygote, signal.SIGKILL)
        await asyncio.wait_for(eventually(works), _TIMEOUT_S)


async def test_a_runtime_is_replaced_after_100_programs(sandbox: BubblewrapSandbox) -> None:
    """The hash of a string reveals the hash seed, which at most 100 programs share."""
    argv = (find_python(), "main.py")
    template = Template(16 << 20, SMALL, zygote=Zygote((find_python(), "/box/zygote.py"), ENVIRONMENT))
    job = Job({"main.py": WorkFile(b"print(hash('seed'))")}, Step(argv, ENVIRONMENT, SMALL, 100), template)
    hashes = collections.Counter([(await sandbox.run(job)).stdout for _ in range(102)])
    assert sorted(hashes.values()) == [2, 100]


@pytest.mark.parametrize(
    "job",
    [
        Job({"a\0b": WorkFile(b"")}, _shell("true").step, _TEMPLATE),
        Job({}, Step(("/bin/echo", "\ud800"), {}, SMALL, 100), _TEMPLATE),
        Job({}, replace(_shell("true").step, shortcut=Shortcut((("é" * 110_000,), (), ()), ())), _TEMPLATE),
    ],
    ids=["a name with a NUL", "half a character", "too large"],
)
async def test_an_order_that_cannot_be_sent_ends_only_its_box(sandbox: BubblewrapSandbox, job: Job) -> None:
    async with _neighbour(sandbox):
        with pytest.raises(SandboxFailure):
            await asyncio.wait_for(sandbox.run(job), _TIMEOUT_S)
