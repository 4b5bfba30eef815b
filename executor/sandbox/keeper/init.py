"""Process 1 of a box: makes the box, waits until it begins, starts the stages one after the other, reaps whatever ends,
and tells the keeper.

It shares a pid namespace with hostile code and keeps its privileges, but nothing in the box can reach it: it belongs
to the parent user namespace, is not dumpable (so no /proc/1/mem, no tracing), and the kernel delivers to the first
process of a namespace no signal for which it has no handler.
"""

import contextlib
import os
import resource
import signal
import socket
import time

from executor.sandbox.keeper import artefacts, box, channel, kernel, program
from executor.sandbox.keeper.program import Confinement
from executor.sandbox.keeper.protocol import Begin, Prepare, Stage, decode_order
from executor.sandbox.keeper.script import ScriptBegins

#: Characters of a failure that are told; a packet holds more.
_MOST_TEXT = 2000


class BoxFailure(Exception):
    """A program could not be started in its box; not the program's fault."""


def live(
    prepare: Prepare, streams: list[int], joins: list[int], confinement: Confinement, keeper: socket.socket
) -> None:
    """Build the box, wait, run the stages, exit; never returns. With it, the kernel ends everything in the box.

    The keeper is told `{"standing": true}`, then one object per ended stage, and `{"failure": text}` should the box,
    or a step before a program's first instruction, fail. It sends the `Begin` with its descriptors, and after it, for
    each further stage, the descriptors by which that one's process joins its cgroup.

    A child of this process leaves by `ScriptBegins`.
    """
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        kernel.set_dumpable(False)
        box.build(prepare.disk_bytes, confinement.user)
        first = _Waiting(prepare, streams, joins, confinement)
        channel.tell(keeper, {"standing": True})
        content, descriptors = channel.receive(keeper)
        if content:
            begin = decode_order(content)
            assert isinstance(begin, Begin)
            box.furnish(begin, descriptors, confinement.user)
            _run(begin, descriptors, first, confinement, prepare, keeper)
    except ScriptBegins:
        keeper.detach()  # it was closed with all descriptors; its number may be another's
        raise
    except BaseException as exc:
        channel.tell(keeper, {"failure": f"{type(exc).__name__}: {exc}"[:_MOST_TEXT]})
    os._exit(0)


class _Waiting:
    """A child that has given up everything and waits for its stage."""

    def __init__(self, prepare: Prepare, streams: list[int], joins: list[int], confinement: Confinement) -> None:
        self._stub = prepare.stub is not None
        # A stub reads a line, and in pieces if it likes.
        kind = socket.SOCK_STREAM if self._stub else socket.SOCK_SEQPACKET
        self._control, theirs = socket.socketpair(socket.AF_UNIX, kind)
        self.pid = os.fork()
        if self.pid == 0:
            self._control.detach()
            program.become(prepare, streams, joins, confinement, theirs)
        theirs.close()
        channel.close([*streams, *joins])
        if (said := self._control.recv(4096)) != program.READY:
            raise BoxFailure(self._failure(said))

    def begin(self, stage: Stage, descriptors: list[int]) -> None:
        program.begin(self._control, stage, descriptors, stub=self._stub)

    def check(self) -> None:
        """When all processes are dead: `BoxFailure` if this one had not become its program before."""
        if not self._stub and (said := self._control.recv(4096)):
            raise BoxFailure(self._failure(said))
        self._control.close()

    @staticmethod
    def _failure(said: bytes) -> str:
        return said.removeprefix(program.FAILED).decode(errors="replace") or "a program ended before it began"


def _run(
    begin: Begin,
    descriptors: list[int],
    first: _Waiting,
    confinement: Confinement,
    prepare: Prepare,
    keeper: socket.socket,
) -> None:
    child = first
    for index, stage in enumerate(begin.stages):
        if index > 0:
            _, joins = channel.receive(keeper)
            child = _Waiting(Prepare(prepare.id, 0, 0, stage.limits), [], joins, confinement)
        started, before = time.monotonic(), _cpu_of_children()
        child.begin(stage, descriptors)
        status, resident = _wait_for(child.pid)
        wall = time.monotonic() - started
        _end_the_rest()
        child.check()
        exit_code = os.waitstatus_to_exitcode(status)
        usage = {"cpu_s": _cpu_of_children() - before, "wall_s": wall, "resident_bytes": resident}
        if index == 0 and exit_code == 0 and begin.collect >= 0:
            artefacts.hand_out(begin, descriptors[begin.collect])
        channel.tell(keeper, {"stage": index, "exit_code": exit_code, **usage})
        if exit_code != 0:
            break


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
