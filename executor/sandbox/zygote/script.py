"""A Python script in a process that is Python already, as `python3 SCRIPT` runs it: `pymain_run_file` and
`Py_FinalizeEx` of CPython's Modules/main.c and Python/pylifecycle.c are the model.

What is not done is to tear the interpreter down, which takes several milliseconds and which no program can tell:
threads are joined, exit functions called, streams flushed, the script's objects deleted, and then the process ends.
"""

import atexit
import contextlib
import gc
import io
import os
import signal
import sys
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader

#: As in `protocol.py`, which would bring more modules along.
_WORK = "/box/work"
_FLUSH_FAILED = 120
#: Frames of these files are none of the program's.
_OURS = ("/box/zygote.py", "/box/keeper.pyz")
#: What most programs do. Its `output` is none that anybody reads.
_REHEARSAL = 'print("text", 1, file=output, flush=True)'


class Script:
    """Made while the process waits: all that can be done before it is known what will run."""

    def __init__(self) -> None:
        self._path = ""
        self._module = types.ModuleType("__main__")
        self.names = vars(self._module)
        self.raised: BaseException | None = None
        _open_streams()
        for number, action in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGPIPE, signal.SIG_IGN),
            (signal.SIGXFSZ, signal.SIG_IGN),
        ):
            signal.signal(number, action)

    def begin(self, argv: Sequence[str]) -> "Script":
        """`argv` is the interpreter, and the script by its name in the work folder, and its arguments."""
        self._path = f"{_WORK}/{argv[1]}"
        self.names.update(
            __annotations__={},
            __builtins__=sys.modules["builtins"],
            __cached__=None,
            __file__=self._path,
            __loader__=SourceFileLoader("__main__", self._path),
        )
        sys.modules["__main__"] = self._module
        sys.argv = list(argv[1:])
        sys.orig_argv = list(argv)
        gc.enable()
        return self

    def rehearse(self, argv: Sequence[str]) -> None:
        """Do once, while nobody waits, what is done for every program.

        Memory is shared with the zygote until it is written. Most that the program will write has its own copy then.
        """
        self.begin(argv)
        self._path = os.devnull
        exec(self.code(), {**self.names})  # noqa: S102
        output = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict", "\n")
        exec(compile(_REHEARSAL, "", "exec", dont_inherit=True), {**self.names, "output": output})  # noqa: S102
        _flush()
        gc.collect()

    def code(self) -> types.CodeType:
        """SyntaxError or ValueError when it is none."""
        with open(self._path, "rb") as file:
            return compile(file.read(), self._path, "exec", dont_inherit=True)

    def end(self) -> None:
        """The script has returned, or has `raised`. Never returns."""
        status = 0 if self.raised is None else _report(self.raised)
        interrupted = isinstance(self.raised, KeyboardInterrupt)
        # Looked for, not imported: after every fork `threading` puts itself in order, which takes half a millisecond.
        if threading := sys.modules.get("threading"):
            with contextlib.suppress(BaseException):
                threading._shutdown()
        atexit._run_exitfuncs()
        complete = _flush()
        self._delete_objects()
        if not (complete and _flush()):
            status = _FLUSH_FAILED
        if interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(status)

    def _delete_objects(self) -> None:
        """So that finalizers run: whatever nothing but the script referred to."""
        self.raised = sys.last_value = sys.last_traceback = None
        if sys.version_info >= (3, 12):
            sys.last_exc = None
        sys.modules.pop("__main__", None)
        del self._module, self.names
        gc.collect()


def forget_ours() -> None:
    """In the zygote, once it has imported everything: what is imported from there on is as in any Python."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "executor"]:
        del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(".pyz")]
    for path in [path for path in sys.path_importer_cache if path.startswith("/box")]:
        del sys.path_importer_cache[path]
    sys.path[0] = _WORK


def _open_streams() -> None:
    """Anew, with the encoding and error handlers that Python chose at its start.

    What the descriptors will be is not known yet. For what Python asks about them (can they seek, how large are their
    blocks), an input is like /dev/null, and outputs are like a pipe.
    """
    ends = os.pipe()
    for descriptor in (1, 2):
        os.dup2(ends[1], descriptor)
    for end in ends:
        os.close(end)
    for name, descriptor in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        old: io.TextIOWrapper = getattr(sys, name)
        mode = "r" if descriptor == 0 else "w"
        buffer = open(descriptor, mode + "b", -1, closefd=False)  # noqa: SIM115
        buffer.raw.name = f"<{name}>"  # type: ignore[attr-defined]
        stream = io.TextIOWrapper(buffer, old.encoding, old.errors, "\n", line_buffering=descriptor == 2)
        stream.mode = mode  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _report(exception: BaseException) -> int:
    """Tell of it as Python does; the exit status."""
    if isinstance(exception, SystemExit):
        if exception.code is None:
            return 0
        if isinstance(exception.code, int):
            return exception.code & 0xFF if abs(exception.code) < 1 << 63 else 0xFF
        _say(exception.code)
        return 1
    told = (type(exception), exception, _theirs(exception))
    sys.last_type, sys.last_value, sys.last_traceback = told
    if sys.version_info >= (3, 12):
        sys.last_exc = exception
    try:
        sys.excepthook(*told)
    except BaseException as hooks:
        _say("Error in sys.excepthook:")
        sys.__excepthook__(type(hooks), hooks, _theirs(hooks))
        _say("\nOriginal exception was:")
        sys.__excepthook__(*told)
    return 1


def _theirs(exception: BaseException) -> types.TracebackType | None:
    """The traceback without our own frames, which come first; the exception has it from here on."""
    traceback = exception.__traceback__
    while traceback and traceback.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = traceback.tb_next
    exception.__traceback__ = traceback
    return traceback


def _say(text: object) -> None:
    with contextlib.suppress(BaseException):
        sys.stderr.write(f"{text}\n")


def _flush() -> bool:
    """Whether all of standard output has been written."""
    complete = True
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as exc:
        complete = False
        where = "on flushing sys.stdout:" if sys.version_info >= (3, 13) else f"in: {sys.stdout!r}"
        _say(f"Exception ignored {where}\n{type(exc).__name__}: {exc}")
    with contextlib.suppress(BaseException):
        sys.stderr.flush()
    return complete
