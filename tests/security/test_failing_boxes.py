"""If a step of raising the wall or making a box fails or hangs, the sandbox soon reports it in one sentence, and leaves
no process."""

import asyncio
import contextlib
import errno
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from executor.host import find_mechanisms
from executor.sandbox.base import SandboxFailure, find_python
from executor.sandbox.bubblewrap import BubblewrapSandbox
from executor.sandbox.wall.mechanisms import Mechanisms
from executor.settings import ExecutorSettings
from tests.fixtures.faulty_bubblewrap import Call, Fault, faulty_bubblewrap
from tests.fixtures.gate import leave_out
from tests.fixtures.processes import children, processes_named
from tests.waiting import eventually, eventually_sync

pytestmark = pytest.mark.security

_PATIENCE_S = 1.0
#: Seconds from the first call until the message has come and all processes have ended.
_TIMEOUT_S = 10.0

_NEW_PID_NAMESPACE = 0x20000000
_PR_CAPBSET_DROP, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 24, 4, 22
_SO_SNDBUF = 7
_RLIMIT_NOFILE, _AF_INET, _SIOCSIFFLAGS, _MS_RDONLY = 7, 2, 0x8914, 1
_ANY_CHILD = 0xFFFFFFFF  # wait4(2), -1
_PYTHON = find_python()


def _by(caller: str, *conditions: Callable[[Call], bool]) -> Callable[[Call], bool]:
    return lambda call: call.caller == caller and all(condition(call) for condition in conditions)


def _is(argument: int, value: int) -> Callable[[Call], bool]:
    return lambda call: call.arguments[argument] & 0xFFFFFFFF == value


def _has(argument: int, bit: int, *, not_: bool = False) -> Callable[[Call], bool]:
    return lambda call: bool(call.arguments[argument] & bit) is not not_


def _text(argument: int, text: str) -> Callable[[Call], bool]:
    return lambda call: call.text(argument) == text


def _file(argument: int, *endings: str) -> Callable[[Call], bool]:
    return lambda call: call.file(argument).endswith(endings)


_CLONE = _by("zygote", _has(0, _NEW_PID_NAMESPACE))
_FILTER_OF_PROGRAM = _by("program", _is(0, _PR_SET_SECCOMP))
_FILTER_OF_PROCESS_ONE = _by("process 1", _is(0, _PR_SET_SECCOMP))
_NOT_STARTED = "bubblewrap hung before the keeper was ready"
_NOT_MADE = "the first box hung before it was ready"
_NOT_ENDED = "the first box hung before its program ended"


def _mount(target: str, sentence: str, *conditions: Callable[[Call], bool]) -> tuple[Fault, str]:
    return Fault("mount", errno.EPERM, _by("process 1", _text(1, target), *conditions)), sentence


#: A fault, and the message about it.
_STEPS: dict[str, tuple[Fault, str]] = {
    # bubblewrap
    "wall's mounts": (Fault("mount", errno.EACCES, _by("bwrap")), "bwrap: .*Permission denied"),
    "bubblewrap dies": (Fault("mount", "kills", _by("bwrap")), "bubblewrap ended without a message"),
    "bubblewrap hangs": (Fault("mount", "hangs", _by("bwrap")), _NOT_STARTED),
    # the keeper
    "keeper dies": (
        Fault("prlimit64", "kills", _by("keeper", _is(1, _RLIMIT_NOFILE))),
        "bubblewrap ended without a message",
    ),
    "keeper hangs": (Fault("prlimit64", "hangs", _by("keeper", _is(1, _RLIMIT_NOFILE))), _NOT_STARTED),
    "keeper fails": (
        Fault("write", errno.EPERM, _by("keeper", _file(0, "oom_score_adj"))),
        "the keeper failed in _die_before_the_executor: PermissionError: .*Operation not permitted",
    ),
    # the zygote
    "zygote is not executed": (
        Fault("execve", errno.EACCES, _text(0, "/box/zygote")),
        "the box could not be made: .*Permission denied: '/box/zygote'",
    ),
    "keeper hangs in the zygote's start": (
        Fault("execve", "hangs", _text(0, "/box/zygote")),
        f"{_NOT_MADE}|the keeper hung",
    ),
    "zygote dies": (Fault("prctl", "kills", _by("zygote", _is(0, _PR_CAPBSET_DROP))), "the zygote ended"),
    "zygote hangs": (Fault("prctl", "hangs", _by("zygote", _is(0, _PR_CAPBSET_DROP))), _NOT_MADE),
    "zygote fails": (
        Fault("capset", errno.EPERM, _by("zygote")),
        "capset: Operation not permitted",
    ),
    "box's namespaces": (
        Fault("clone", errno.EPERM, _CLONE),
        "the box could not be made: clone: Operation not permitted",
    ),
    "box's namespaces hang": (Fault("clone", "hangs", _CLONE), _NOT_MADE),
    "zygote dies when it makes a box": (Fault("clone", "kills", _CLONE), "the zygote ended"),
    # process 1
    "dumpable": (Fault("prctl", errno.EPERM, _by("process 1", _is(0, _PR_SET_DUMPABLE))), "dumpable: Operation"),
    "tmpfs": _mount("/box", "mount tmpfs on /box: Operation not permitted"),
    "proc is made read-only": _mount("/proc", "mount none on /proc: Operation not permitted", _has(3, _MS_RDONLY)),
    "a file is masked": _mount("/proc/kcore", "/proc/kcore: Operation not permitted"),
    "a mount hangs": (Fault("mount", "hangs", _by("process 1", _text(1, "/dev/pts"))), _NOT_MADE),
    "process 1 dies": (Fault("mount", "kills", _by("process 1", _text(1, "/dev/pts"))), "process 1 of the box ended"),
    "host name": (Fault("sethostname", errno.EPERM, _by("process 1")), "sethostname: Operation not permitted"),
    "loopback": (Fault("socket", errno.EAFNOSUPPORT, _by("process 1", _is(0, _AF_INET))), "lo: Address family"),
    "loopback's flags": (Fault("ioctl", errno.EPERM, _by("process 1", _is(1, _SIOCSIFFLAGS))), "lo up: Operation"),
    "a number of the kernel": (
        Fault("write", errno.EPERM, _by("process 1", _file(0, "tcp_rmem"))),
        "sys/net/ipv4/tcp_rmem: Operation not permitted",
    ),
    "process 1's OOM score": (
        Fault("write", errno.EACCES, _by("process 1", _file(0, "oom_score_adj"))),
        "self/oom_score_adj: Permission denied",
    ),
    "process 1's capabilities": (Fault("capset", errno.EPERM, _by("process 1")), "capset: Operation not permitted"),
    "program's socket": (
        Fault("getsockopt", errno.ENOBUFS, _by("process 1", _is(2, _SO_SNDBUF))),
        "SO_SNDBUF: No buffer space available",
    ),
    "program is not forked": (
        Fault("clone", errno.EAGAIN, _by("process 1", _has(0, _NEW_PID_NAMESPACE, not_=True))),
        "fork: Resource temporarily unavailable",
    ),
    "process 1's filter": (Fault("prctl", errno.EINVAL, _FILTER_OF_PROCESS_ONE), "seccomp: Invalid argument"),
    "process 1 hangs before it reports that the box is ready": (
        Fault("prctl", "hangs", _FILTER_OF_PROCESS_ONE),
        _NOT_MADE,
    ),
    # the process that becomes the program
    "cgroup": (
        Fault("write", errno.EACCES, _by("program", _file(0, "/tasks", "/cgroup.procs"))),
        "cgroup: Permission denied",
    ),
    "cgroup hangs": (Fault("write", "hangs", _by("program", _file(0, "/tasks", "/cgroup.procs"))), _NOT_MADE),
    "session": (Fault("setsid", errno.EPERM, _by("program")), "setsid: Operation not permitted"),
    "work folder": (Fault("chdir", errno.EACCES, _by("program")), "/box/work: Permission denied"),
    "user": (Fault("setresuid", errno.EAGAIN, _by("program")), "setresuid: Resource temporarily unavailable"),
    "user namespace": (
        Fault("unshare", errno.EPERM, _by("program")),
        "user and cgroup namespaces: Operation not permitted",
    ),
    "user namespace hangs": (Fault("unshare", "hangs", _by("program")), _NOT_MADE),
    "map of users": (
        Fault("write", errno.EPERM, _by("program", _file(0, "uid_map"))),
        "self/uid_map: Operation not permitted",
    ),
    "limit of files": (
        Fault("prlimit64", errno.EPERM, _by("program", _is(1, _RLIMIT_NOFILE))),
        "RLIMIT_NOFILE: Operation not permitted$",
    ),
    "program's filter": (Fault("prctl", errno.EINVAL, _FILTER_OF_PROGRAM), "seccomp: Invalid argument"),
    "program hangs before it is ready": (Fault("prctl", "hangs", _FILTER_OF_PROGRAM), _NOT_MADE),
    "program dies before it is ready": (
        Fault("prctl", "kills", _FILTER_OF_PROGRAM),
        "a program ended before it began",
    ),
    "program is not executed": (
        Fault("execve", errno.EACCES, _by("program", _text(0, _PYTHON))),
        f"{_PYTHON}: Permission denied",
    ),
    "program's start hangs": (Fault("execve", "hangs", _by("program", _text(0, _PYTHON))), _NOT_ENDED),
    "program is killed": (
        Fault("execve", "kills", _by("program", _text(0, _PYTHON))),
        "a program that does nothing failed in a box: signal 9",
    ),
    # the program's end
    "process 1 has no child": (
        Fault("wait4", errno.ECHILD, _by("process 1", _is(0, _ANY_CHILD))),
        "wait4: No child processes",
    ),
    "process 1 hangs when the program has ended": (
        Fault("wait4", "hangs", _by("process 1", _is(0, _ANY_CHILD))),
        _NOT_ENDED,
    ),
    "process 1 dies when the program has ended": (
        Fault("wait4", "kills", _by("process 1", _is(0, _ANY_CHILD))),
        "process 1 of the box ended before its program",
    ),
}


def _skip_if_missing(step: str, mechanisms: Mechanisms) -> None:
    if step.startswith("cgroup") and mechanisms.cgroups is None:
        leave_out("there are no cgroups to join here")
    if step == "user" and not mechanisms.own_users:
        leave_out("all boxes are one user here")


async def _message_of(mechanisms: Mechanisms) -> str:
    """Return the message of a sandbox that does not start."""
    sandbox = BubblewrapSandbox(mechanisms, _PATIENCE_S)
    async with asyncio.timeout(_TIMEOUT_S):
        with pytest.raises(SandboxFailure) as failure:
            await sandbox.start()
        await sandbox.aclose()
    return str(failure.value)


#: Each hang takes its time limit. The ordinary run has one of each process, and the slow run has all.
_QUICK_HANGS = ("bubblewrap hangs", "keeper hangs", "zygote hangs", "program's start hangs")


def _cases() -> Iterator[object]:
    for step in _STEPS:
        slow = "hang" in step and step not in _QUICK_HANGS
        yield pytest.param(step, marks=pytest.mark.slow) if slow else step


@pytest.mark.parametrize("step", list(_cases()))
async def test_a_step_that_fails_or_hangs_is_reported(step: str) -> None:
    fault, sentence = _STEPS[step]
    mechanisms = find_mechanisms(ExecutorSettings())
    _skip_if_missing(step, mechanisms)
    with faulty_bubblewrap(fault) as bubblewrap:
        message = await _message_of(replace(mechanisms, bubblewrap=bubblewrap))
    assert re.match(sentence, message)
    assert "\n" not in message


async def test_a_process_1_that_ends_at_once_is_reported() -> None:
    def has_ended(call: Call) -> bool:
        """Hold the zygote's first call after clone(2) until process 1 is gone, and let it go on."""
        if call.caller == "zygote":
            for process_one in children(call.pid):
                os.kill(process_one, signal.SIGKILL)
            eventually_sync(lambda: not children(call.pid), what="the kernel reaps process 1")
        return False

    calls = [Fault(name, errno.EPERM, has_ended) for name in ("pidfd_open", "sendmsg")]
    with faulty_bubblewrap(*calls) as bubblewrap:
        message = await _message_of(replace(find_mechanisms(ExecutorSettings()), bubblewrap=bubblewrap))
    assert message == "process 1 of the box ended before it began"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("no program", "the wall cannot be raised: .*Exec format error"),
        ("#!/nowhere/sh", "the wall cannot be raised: .*No such file or directory"),
        ("#!/bin/sh\nexit 1", "bubblewrap ended without a message"),
        ("#!/bin/sh\necho no such option >&2; echo try --help >&2; exit 1", "no such option try --help"),
        ('#!/bin/sh\ntail -f "$0"', _NOT_STARTED),
        (f"#!{_PYTHON}\nimport os, time\nos.closerange(0, 99)\ntime.sleep(1000)", "bubblewrap ended without a message"),
    ],
)
async def test_a_broken_bubblewrap_is_reported(script: str, sentence: str, tmp_path: Path) -> None:
    bubblewrap = tmp_path / "bwrap"
    bubblewrap.write_text(script)
    bubblewrap.chmod(0o755)
    message = await _message_of(replace(find_mechanisms(ExecutorSettings()), bubblewrap=bubblewrap))
    assert re.match(sentence, message)
    await eventually(lambda: not processes_named(str(bubblewrap)), what="every process ends")


async def test_lower_limits_of_the_host_are_kept(tmp_path: Path) -> None:
    """A limit below ours, of what hardly any program uses, holds for programs too."""
    mechanisms = find_mechanisms(ExecutorSettings())
    lower = tmp_path / "bwrap"
    limits = "--msgqueue=0:0 --memlock=0:0 --sigpending=64:64"
    lower.write_text(f'#!/bin/sh\nexec prlimit {limits} {mechanisms.bubblewrap} "$@"')
    lower.chmod(0o755)
    async with contextlib.aclosing(BubblewrapSandbox(replace(mechanisms, bubblewrap=lower))) as sandbox:
        await sandbox.start()
