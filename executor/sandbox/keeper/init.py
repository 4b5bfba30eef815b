"""Process 1 of a box: starts the stages one after the other, reaps whatever ends, and tells the keeper.

It shares a pid namespace with hostile code and keeps its privileges, but nothing in the box can reach it: it belongs
to the parent user namespace, is not dumpable (so no /proc/1/mem, no tracing), and the kernel delivers to the first
process of a namespace no signal for which it has no handler.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable

from executor.sandbox.keeper import artefacts, box, kernel, program
from executor.sandbox.keeper.protocol import Stage, Task


def live(
    task: Task,
    descriptors: list[int],
    joins: list[Callable[[], None]],
    user: int,
    seccomp: bytes,
    keeper: socket.socket,
) -> None:
    """Build the box, run the task's stages, exit; never returns. With it, the kernel ends everything in the box.

    To the keeper go `{"standing": true}` (answered by one byte, after which the first program starts), one object
    per ended stage, and `{"failure": text}` should the box, or a step before a program's first instruction, fail.
    """
    try:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        kernel.set_dumpable(False)
        confinement = program.Confinement(user, seccomp, _last_capability())
        box.build(task, descriptors, user)
        _tell(keeper, {"standing": True})
        keeper.recv(1)
        for index, stage in enumerate(task.stages):
            started, before = time.monotonic(), _cpu_of_children()
            child = _start(stage, descriptors, joins[index], confinement)
            status, resident = _wait_for(child)
            wall = time.monotonic() - started
            _end_the_rest()
            exit_code = os.waitstatus_to_exitcode(status)
            usage = {"cpu_s": _cpu_of_children() - before, "wall_s": wall, "resident_bytes": resident}
            if index == 0 and exit_code == 0 and task.collect >= 0:
                artefacts.hand_out(task, descriptors[task.collect])
            _tell(keeper, {"stage": index, "exit_code": exit_code, **usage})
            if exit_code != 0:
                break
    except BaseException as exc:
        _tell(keeper, {"failure": f"{type(exc).__name__}: {exc}"})
    finally:
        os._exit(0)


class BoxFailure(Exception):
    """A program could not be started in its box; not the program's fault."""


def _start(stage: Stage, descriptors: list[int], join: Callable[[], None], confinement: program.Confinement) -> int:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        program.become(stage, descriptors, join, confinement, writable)
    os.close(writable)
    failure = os.read(readable, 4096)  # ends when exec closes the other side
    os.close(readable)
    if failure:
        raise BoxFailure(failure.decode(errors="replace"))
    return child


def _wait_for(child: int) -> tuple[int, int]:
    """The child's wait status and the largest resident size, in bytes, that it or one of its children had."""
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == child:
            return status, usage.ru_maxrss * 1024


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _end_the_rest() -> None:
    """Kill and reap what the stage left behind; the kernel signals all of the namespace but us in one go."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.wait4(-1, 0)
        except ChildProcessError:
            return


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def _tell(keeper: socket.socket, content: dict[str, object]) -> None:
    keeper.send(json.dumps(content).encode())
