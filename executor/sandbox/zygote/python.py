"""Where boxes come from: a Python that forks process 1 of each, and with it every program that needs no new start.

What it does, once it is set up, is in C (`executor/sandbox/init`): the zygote's own loop, and process 1. Only a Python
program's process ever returns from there. It is a process of its own, beside the keeper, because what it forks inherits
its memory: it is told nothing of any run, only that one more box is wanted. For the same reason it is replaced after so
many boxes (`zygotes.py`): Python programs of one zygote have the hash seed and the address-space layout in common.
"""

import ctypes
import gc
import importlib
import os
import signal

from executor.sandbox.zygote.script import Script, forget_ours

_LIBRARY = "/box/init.so"
#: What programs most often import, so that they find it loaded. Nothing that keeps state of its own from its import on.
_PRELOADED = ("bisect", "collections", "functools", "heapq", "itertools", "math", "operator", "re", "string", "typing")
#: What `await_step` might return, for the rehearsal.
_COMMAND = ctypes.create_string_buffer(b"python3\0main.py")


def serve() -> Script | None:
    """Returns None at the end of the zygote, and in a Python program's process what it is to run."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    init = _Init()
    for module in _PRELOADED:
        importlib.import_module(module)
    forget_ours()
    # What is here now is not looked at again by collections in any child, so its pages stay shared.
    gc.collect()
    gc.freeze()
    gc.disable()
    if not init.serve():
        return None
    script = Script()
    script.rehearse(_words(ctypes.addressof(_COMMAND), len(_COMMAND)))
    return script.begin(init.await_step())


def _words(address: int, length: int) -> list[str]:
    """Return the words that lie in memory there, each ended by a NUL."""
    return os.fsdecode(ctypes.string_at(address, length - 1)).split("\0")


class _Init:
    """The functions of `init/` that are called from here. One thread alone lives in this process, and it keeps the
    interpreter's lock whatever it calls."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(_LIBRARY)
        self._serve = library.serve
        self._serve.restype = ctypes.c_bool
        self._await_step = library.await_step
        self._await_step.restype = ctypes.c_size_t
        self._before_fork = ctypes.pythonapi.PyOS_BeforeFork
        self._after_fork = ctypes.pythonapi.PyOS_AfterFork_Child
        for function in (self._before_fork, self._after_fork):
            function.restype = None
        self._arguments = ctypes.c_void_p()

    def serve(self) -> bool:
        """Whether this has become a Python program's process; else it is the end of the zygote."""
        self._before_fork()
        if self._serve():
            self._after_fork()
            return True
        os._exit(0)

    def await_step(self) -> list[str]:
        """The command, when the run begins."""
        length = self._await_step(ctypes.byref(self._arguments))
        assert self._arguments.value
        return _words(self._arguments.value, length)
