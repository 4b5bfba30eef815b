"""Where boxes come from: a Python that forks process 1 of each, and with it every program that needs no new start.

It is a process of its own, beside the keeper, because what it forks inherits its memory: it is told nothing of any
run, only that one more box is wanted. For the same reason it is replaced after so many boxes (`keeper/__main__.py`):
Python programs of one nursery have the hash seed and the address-space layout in common.
"""

import gc
import importlib
import os
import signal
import socket

from executor.sandbox.keeper import channel, init, kernel
from executor.sandbox.keeper.program import Confinement
from executor.sandbox.keeper.protocol import Prepare, decode_order
from executor.sandbox.keeper.script import Script, ScriptBegins, forget_ours

_LAST_OF_PROGRAM = 3
#: What programs most often import, so that they find it loaded. Nothing that keeps state of its own from its import on.
_PRELOADED = ("bisect", "collections", "functools", "heapq", "itertools", "math", "operator", "re", "string", "typing")


class Nursery:
    def __init__(self, keeper: socket.socket) -> None:
        self._keeper = keeper
        configuration, _ = channel.receive(keeper)
        self._seccomp = bytes.fromhex(configuration["seccomp"])
        self._first_user: int | None = configuration["first_user"]
        with open("/proc/sys/kernel/cap_last_cap") as file:
            self._last_capability = int(file.read())
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)

    def serve(self) -> None:
        """Until the keeper closes its side. Every order is answered with {"id", "pid"} and a pidfd (pidfd_open(2))."""
        while True:
            content, descriptors = channel.receive(self._keeper)
            if not content:
                return
            prepare = decode_order(content["prepare"])
            assert isinstance(prepare, Prepare)
            self._answer(prepare, content["joins"], descriptors)
            channel.close(descriptors)

    def _answer(self, prepare: Prepare, joins: int, descriptors: list[int]) -> None:
        try:
            pid = self._fork(prepare, joins, descriptors)
            process = os.pidfd_open(pid)
        except OSError as exc:
            channel.tell(self._keeper, {"id": prepare.id, "failure": f"the box could not be made: {exc}"})
            return
        channel.tell(self._keeper, {"id": prepare.id, "pid": pid}, [process])
        os.close(process)

    def _fork(self, prepare: Prepare, joins: int, descriptors: list[int]) -> int:
        """Process 1 of a new pid namespace; returns its process id here."""
        user = 0 if self._first_user is None else self._first_user + prepare.user
        kernel.unshare(kernel.CLONE_NEWPID)  # for the next child
        try:
            pid = os.fork()
        except OSError:
            kernel.setns(self._own_pid_namespace, kernel.CLONE_NEWPID)
            raise
        if pid == 0:
            self._keeper.detach()  # or it would be closed, with whatever is descriptor 0 by then
            os.dup2(_LAST_OF_PROGRAM, 0)
            confinement = Confinement(user, self._seccomp, self._last_capability)
            keeper, streams = socket.socket(fileno=descriptors[0]), descriptors[1 + joins :]
            init.live(prepare, streams, descriptors[1 : 1 + joins], confinement, keeper)
        kernel.setns(self._own_pid_namespace, kernel.CLONE_NEWPID)
        return pid


def serve() -> Script | None:
    """Returns None at the end of the nursery, and in a Python program's process what it is to run."""
    # Descriptors 0 to 3 are a program's own; nothing else may come to lie there.
    while os.open("/dev/null", os.O_RDWR) < _LAST_OF_PROGRAM:
        pass
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    nursery = Nursery(socket.socket(fileno=0))
    for module in _PRELOADED:
        importlib.import_module(module)
    forget_ours()
    # What is here now is not looked at again by collections in any child, so its pages stay shared.
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        nursery.serve()
    except ScriptBegins as begins:
        return begins.script
    return None
