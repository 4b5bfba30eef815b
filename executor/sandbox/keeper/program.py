"""The last steps of a submitted program before its own first instruction: here every privilege is given up."""

import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass

from executor.sandbox.keeper import kernel
from executor.sandbox.keeper.protocol import Stage, StageLimits

#: The user that a program sees itself as.
INSIDE_ID = 1000
WORK = "/box/work"

_FAILURE = 3


@dataclass(frozen=True)
class Confinement:
    """What every program of a box gets: the user that the kernel knows it as, and the filter of its system calls."""

    user: int
    seccomp: bytes
    last_capability: int


def become(
    stage: Stage, descriptors: list[int], join: Callable[[], None], confinement: Confinement, failure: int
) -> None:
    """Turn this freshly forked process into `stage`'s program; never returns.

    The order matters: the cgroup is joined with the privileges that are dropped next; limits are set inside the user
    namespace, whose count of processes starts at nought; the filter comes last, as it forbids what the rest needs.
    `failure` is a pipe that exec closes; what is written to it says which step did not work.
    """
    try:
        join()
        kernel.unshare(kernel.CLONE_NEWCGROUP)  # whose root is the group just joined
        os.setsid()
        _connect(stage, descriptors, failure)
        os.chdir(WORK)
        os.umask(0o022)
        _enter_user_namespace(confinement.user)
        _limit(stage.limits)
        kernel.drop_capabilities(confinement.last_capability)
        kernel.set_no_new_privileges()
        kernel.install_filter(confinement.seccomp)
        # Python ignores SIGPIPE and SIGXFSZ, and exec would hand that down.
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        os.execve(stage.argv[0], stage.argv, stage.environment)  # noqa: S606
    except BaseException as exc:
        os.write(_FAILURE, f"{stage.argv[0]}: {type(exc).__name__}: {exc}".encode())
    finally:
        os._exit(1)


def _connect(stage: Stage, descriptors: list[int], failure: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    wanted = [descriptors[index] if index >= 0 else null for index in (stage.stdin, stage.stdout, stage.stderr)]
    # All of them are above 3: the keeper keeps 0, 1 and 2 open for itself, and 3 is its selector.
    os.dup2(failure, _FAILURE, inheritable=False)
    for target, source in enumerate(wanted):
        os.dup2(source, target)
    kernel.close_from(_FAILURE + 1)


def _enter_user_namespace(user: int) -> None:
    if user != 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kernel.set_dumpable(True)  # else the files of /proc/self would belong to root
    kernel.unshare(kernel.CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{INSIDE_ID} {user} 1")
    _write("/proc/self/gid_map", f"{INSIDE_ID} {user} 1")


def _limit(limits: StageLimits) -> None:
    cpu = int(limits.cpu_s) + 2  # the meter decides; this one holds should the keeper be late
    for kind, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_STACK, limits.stack_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 65536),
        (resource.RLIMIT_MSGQUEUE, 65536),
        (resource.RLIMIT_SIGPENDING, 1024),
    ):
        resource.setrlimit(kind, (value, value))


def _write(path: str, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
