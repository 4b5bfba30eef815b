"""The last steps of a submitted program before its own first instruction: here every privilege is given up."""

import errno
import json
import os
import resource
import signal
import socket
from dataclasses import dataclass, replace

from executor.sandbox.keeper import channel, kernel
from executor.sandbox.keeper.protocol import WORK, Prepare, Stage, StageLimits, decode_stage
from executor.sandbox.keeper.script import Script, ScriptBegins

#: The user that a program sees itself as.
INSIDE_ID = 1000

#: A program's side of the socket to process 1, until it begins.
_CONTROL = 3
READY, FAILED = b"r", b"!"
#: As shells say it (POSIX, Shell Command Language, 2.8.2).
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


@dataclass(frozen=True)
class Confinement:
    """What every program of a box gets: the user that the kernel knows it as, and the filter of its system calls."""

    user: int
    seccomp: bytes
    last_capability: int


def become(
    prepare: Prepare, descriptors: list[int], joins: list[int], confinement: Confinement, control: socket.socket
) -> None:
    """Turn this freshly forked process into a program: the stub at once, else the stage that `control` brings.

    Never returns, but may raise `ScriptBegins`. On `control`, `READY` is said when all privileges are gone and only
    the stage is wanting, and `FAILED` with a text when a step did not work; it closes when the program runs.

    The order matters: the cgroup is joined with the privileges that are dropped next; limits are set inside the user
    namespace, whose count of processes starts at nought; the filter comes last, as it forbids what the rest needs.
    """
    try:
        os.dup2(control.fileno(), _CONTROL, inheritable=prepare.stub is not None)
        control.detach()
        _confine(prepare, descriptors, joins, confinement)
        if prepare.stub:
            _exec(prepare.stub)
        script = Script() if prepare.python else None
        waiting = socket.socket(fileno=_CONTROL)
        waiting.send(READY)
        content, given = channel.receive(waiting)
        if not content:
            os._exit(0)
        stage = decode_stage(content)
        _connect(stage, given)
        _limit(stage.limits)
        if script:
            waiting.close()
            raise script.begin(stage.argv)
        _exec(stage)
    except ScriptBegins:
        raise
    except BaseException as exc:
        os.write(_CONTROL, FAILED + f"{type(exc).__name__}: {exc}".encode())
        os._exit(1)


def _confine(prepare: Prepare, descriptors: list[int], joins: list[int], confinement: Confinement) -> None:
    for join in joins:
        os.write(join, b"0")
    kernel.unshare(kernel.CLONE_NEWCGROUP)  # whose root is the group just joined
    os.setsid()
    if prepare.stub:
        _connect(prepare.stub, descriptors)
    kernel.close_from(_CONTROL + 1)
    os.chdir(WORK)
    os.umask(0o022)
    _enter_user_namespace(confinement.user)
    if prepare.stub:
        _limit(prepare.stub.limits)
    kernel.drop_capabilities(confinement.last_capability)
    kernel.set_no_new_privileges()
    kernel.install_filter(confinement.seccomp)


def _connect(stage: Stage, descriptors: list[int]) -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    # All of them are above 3: 0, 1 and 2 are open from the start.
    for target, index in enumerate((stage.stdin, stage.stdout, stage.stderr)):
        os.dup2(descriptors[index] if index >= 0 else null, target)
    for descriptor in {null, *descriptors}:
        os.close(descriptor)


def _exec(stage: Stage) -> None:
    # Python ignores SIGPIPE and SIGXFSZ, and exec would hand that down.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execve(stage.argv[0], stage.argv, stage.environment)  # noqa: S606
    except OSError as exc:
        said = f"{stage.argv[0]}: {exc.strerror}"
        if stage.argv[0].startswith(WORK):  # what a compiler made of the source is no program: its author is told
            os.write(2, f"{said}\n".encode())
            os._exit(_NOT_FOUND if exc.errno == errno.ENOENT else _NOT_EXECUTABLE)
        raise OSError(exc.errno, said) from exc


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


def begin(control: socket.socket, stage: Stage, descriptors: list[int], *, stub: bool) -> None:
    """Process 1's side of it: have the waiting process begin. `descriptors` are those that the stage counts on."""
    if stub:
        control.send(json.dumps({"argv": stage.argv}).encode() + b"\n")
        return
    streams = (stage.stdin, stage.stdout, stage.stderr)
    given = sorted({index for index in streams if index >= 0})
    stdin, stdout, stderr = (given.index(index) if index >= 0 else -1 for index in streams)
    renumbered = replace(stage, stdin=stdin, stdout=stdout, stderr=stderr)
    channel.tell(control, renumbered, [descriptors[index] for index in given])
