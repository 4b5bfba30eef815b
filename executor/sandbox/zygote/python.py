"""The zygote for Python programs: a Python that forks process 1 of a box, and the program in it. Its arguments are
modules that it imports before.

After its setup it runs C code (`executor/sandbox/init`): the zygote's loop, and process 1. Only the process of a Python
program returns from there. It is separate from the keeper because forks inherit its memory: it learns nothing about any
run except that one more box is ordered. For the same reason it is replaced after 100 boxes (`keeper/zygotes.py`): its
programs share the hash seed and the layout of the address space.
"""

import ctypes
import gc
import importlib
import os
import signal
import sys

from executor.sandbox.zygote.script import Script, forget_ours

_LIBRARY = "/box/init.so"
#: Modules that programs often import. None has a state that depends on when it was imported.
_PRELOADED = ("bisect", "collections", "functools", "heapq", "itertools", "math", "operator", "re", "string", "typing")
#: Seconds for a thread to end.
_THREADS_END_S = 10.0
#: A command as `await_step` returns it, for the rehearsal.
_COMMAND = ctypes.create_string_buffer(b"python3\0main.py")


def serve() -> Script:
    """Fork a process for each box, and return in that of a Python program, with the script to run."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the process that started us may have blocked or ignored some
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    init = _Init()
    command = _words(ctypes.addressof(_COMMAND), len(_COMMAND))
    for module in (*_PRELOADED, *sys.argv[1:]):
        importlib.import_module(module)
    _end_threads()
    forget_ours()
    script = Script()
    script.rehearse(command)  # fills the interpreter's caches, which children share
    # Collections in children skip the objects that exist now, so their pages stay shared.
    gc.collect()
    gc.freeze()
    gc.disable()
    init.serve()
    _seed_numpy()
    script.rehearse(command)  # copies the pages that the program will write
    return script.begin(init.await_step())


def _end_threads() -> None:
    """Wait for threads that a library has started for its import. Raises RuntimeError if one is left.

    A fork would not have it, and might have a lock that it held.
    """
    if threading := sys.modules.get("threading"):
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(_THREADS_END_S)
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a library has left a thread")


def _seed_numpy() -> None:
    """Seed NumPy's global generator of random numbers. It was seeded when NumPy was imported, before the fork."""
    if random := sys.modules.get("numpy.random"):
        random.seed()


def _words(address: int, length: int) -> list[str]:
    """Return the words in memory, each ended by a NUL."""
    return os.fsdecode(ctypes.string_at(address, length - 1)).split("\0")


class _Init:
    """The functions of `init/` that Python calls. They keep the interpreter's lock, because the process has only one
    thread."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(_LIBRARY)
        self._make_boxes = library.make_boxes
        self._make_boxes.restype = ctypes.c_bool
        self._await_step = library.await_step
        self._await_step.restype = ctypes.c_size_t
        self._before_fork = ctypes.pythonapi.PyOS_BeforeFork
        self._after_fork = ctypes.pythonapi.PyOS_AfterFork_Child
        for function in (self._before_fork, self._after_fork):
            function.restype = None
        self._arguments = ctypes.c_void_p()

    def serve(self) -> None:
        """Fork a process for each box, and return in that of a Python program. The zygote itself exits here."""
        self._before_fork()
        if not self._make_boxes():
            os._exit(0)
        self._after_fork()

    def await_step(self) -> list[str]:
        """Wait until the run begins, and return its command."""
        length = self._await_step(ctypes.byref(self._arguments))
        assert self._arguments.value
        return _words(self._arguments.value, length)
