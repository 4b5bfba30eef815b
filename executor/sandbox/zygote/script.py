"""Runs a script in a process that is already a Python, as `python3 SCRIPT` does: `pymain_run_file` and `Py_FinalizeEx`
in CPython's Modules/main.c and Python/pylifecycle.c are the model.

At the end threads are joined, exit functions called, streams flushed, the script's objects deleted, and then the
process ends. The interpreter is not torn down: that takes several milliseconds, and no program can notice.
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

#: As in init/mounts.h.
_WORK = "/box/work"
_FLUSH_FAILED = 120
#: Frames of these files are not the program's.
_OURS = ("/box/zygote.py", "/box/keeper.pyz")
#: Code that most programs run. Its `output` is discarded.
_REHEARSAL = 'print("text", 1, file=output, flush=True)'


class Script:
    """The program of a forked process. It is made in the zygote, before the program is known.

    So its work is done once for all boxes, and they share its memory.
    """

    def __init__(self) -> None:
        self._path = ""
        self.raised: BaseException | None = None
        _open_streams()
        for number, action in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGPIPE, signal.SIG_IGN),
            (signal.SIGXFSZ, signal.SIG_IGN),
        ):
            signal.signal(number, action)

    def begin(self, argv: Sequence[str]) -> "Script":
        """Set the script: `argv` is the interpreter, the script's name in the work folder, and its arguments."""
        self._path = f"{_WORK}/{argv[1]}"
        # Not made in the zygote: `_delete_objects` could not collect what is frozen there.
        self._module = types.ModuleType("__main__")
        self.names = vars(self._module)
        self.names.update(
            __annotations__={},
            __builtins__=sys.modules["builtins"],
            __cached__=None,
            __file__=self._path,
            __loader__=SourceFileLoader("__main__", self._path),
        )
        sys.modules["__main__"] = self._module
        sys.path[0] = os.path.dirname(os.path.normpath(self._path))
        sys.argv = list(argv[1:])
        sys.orig_argv = list(argv)
        gc.enable()
        return self

    def rehearse(self, argv: Sequence[str]) -> None:
        """Run once the code that every program runs, while the process waits.

        Memory is shared with the zygote until it is written. This copies most of the pages that the program will write.
        """
        self.begin(argv)
        self._path = os.devnull
        exec(self.code(), {**self.names})  # noqa: S102
        output = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict", "\n")
        exec(compile(_REHEARSAL, "", "exec", dont_inherit=True), {**self.names, "output": output})  # noqa: S102
        _flush()
        gc.collect()

    def code(self) -> types.CodeType:
        """Return the compiled script. Raises SyntaxError or ValueError if it is not Python."""
        with open(self._path, "rb") as file:
            return compile(file.read(), self._path, "exec", dont_inherit=True)

    def end(self) -> None:
        """End the process as Python does, after the script has returned or has `raised`. Never returns."""
        status = 0 if self.raised is None else _report(self.raised)
        interrupted = isinstance(self.raised, KeyboardInterrupt)
        # It is not imported here: in a zygote, `threading` would add half a millisecond to every fork.
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
        """Delete the objects that only the script refers to, so that their finalizers run."""
        self.raised = sys.last_value = sys.last_traceback = None
        if sys.version_info >= (3, 12):
            sys.last_exc = None
        sys.modules.pop("__main__", None)
        del self._module, self.names
        gc.collect()


def forget_ours() -> None:
    """Remove the traces of our own modules, so that later imports work as in any Python. Call it after all imports."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "executor"]:
        del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(".pyz")]
    for path in [path for path in sys.path_importer_cache if path.startswith("/box")]:
        del sys.path_importer_cache[path]
    sys.path[0] = _WORK


def _open_streams() -> None:
    """Open the standard streams again, with the encoding and error handlers that Python chose at its start.

    The program's descriptors are not known yet. When Python opens a stream, it finds out whether its descriptor can
    seek and how large its blocks are. /dev/null and a pipe take their place here, because they give the same answers.
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
    """Report an exception as Python does, and return the exit status."""
    if isinstance(exception, SystemExit):
        if exception.code is None:
            return 0
        if isinstance(exception.code, int):
            return exception.code & 0xFF if abs(exception.code) < 1 << 63 else 0xFF
        _print_error(exception.code)
        return 1
    details = (type(exception), exception, _program_traceback(exception))
    sys.last_type, sys.last_value, sys.last_traceback = details
    if sys.version_info >= (3, 12):
        sys.last_exc = exception
    try:
        sys.excepthook(*details)
    except BaseException as hooks:
        _print_error("Error in sys.excepthook:")
        sys.__excepthook__(type(hooks), hooks, _program_traceback(hooks))
        _print_error("\nOriginal exception was:")
        sys.__excepthook__(*details)
    return 1


def _program_traceback(exception: BaseException) -> types.TracebackType | None:
    """Remove our own frames, which come first, from an exception's traceback, and return it."""
    traceback = exception.__traceback__
    while traceback and traceback.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = traceback.tb_next
    exception.__traceback__ = traceback
    return traceback


def _print_error(text: object) -> None:
    with contextlib.suppress(BaseException):
        sys.stderr.write(f"{text}\n")


def _flush() -> bool:
    """Flush the standard streams, and return True if all of standard output has been written."""
    complete = True
    try:
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
    except BaseException as exc:
        complete = False
        where = "on flushing sys.stdout:" if sys.version_info >= (3, 13) else f"in: {sys.stdout!r}"
        _print_error(f"Exception ignored {where}\n{type(exc).__name__}: {exc}")
    with contextlib.suppress(BaseException):
        sys.stderr.flush()
    return complete
