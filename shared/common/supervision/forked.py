"""Services as forks of this process, which share the memory of the modules that it has loaded (ADR 38)."""

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeAlias

from shared.common.service.parent_death import die_with_parent

_Signals: TypeAlias = set[int | signal.Signals]


class ForkedService:
    """The process of `python -m module`, as a fork of this one, with the methods of `Popen` that `Child` needs.

    It has this environment and the standard error, a session of its own and no other descriptors, and it gets SIGKILL
    when this process ends. Make it in the main thread, as the only thread.
    """

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        with suppress(OSError):  # who reads it may be gone
            sys.stderr.flush()
        end_with_us = die_with_parent(signal.SIGKILL)
        read, write = os.pipe()
        # A signal between the fork and `_reset_signals` would get to the handlers of this process.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _run(module, environment, end_with_us, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(write)
            # It ends when the child has closed its descriptors. From then on its process group can be killed.
            os.read(read, 1)
            os.close(read)

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end. Return the exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _run(
    module: str, environment: Mapping[str, str], end_with_parent: Callable[[], None], blocked: _Signals
) -> NoReturn:
    """Run the module in the child, to the end of the process. Nothing of the parent's stack may run here."""
    code = os.EX_SOFTWARE
    try:
        os.setsid()
        end_with_parent()
        _reset_signals(blocked)
        _close_descriptors()
        os.environ.clear()
        os.environ.update(environment)
        _show_command(f"python -m {module}")
        code = _exit_code(module)
    except BaseException:  # the process ends here, so there is no one else to report it
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stderr.flush()
        finally:
            os._exit(code)


def _exit_code(module: str) -> int:
    sys.argv = [module]
    if not sys.flags.safe_path:  # as with -P, a folder of that name in the current directory is ignored
        del sys.path[0]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        if exc.code is None or isinstance(exc.code, int):
            return exc.code or 0
        print(exc.code, file=sys.stderr)  # noqa: T201  (as Python does)
        return 1
    return 0


def _reset_signals(blocked: _Signals) -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _close_descriptors() -> None:
    """Keep standard error alone, which becomes the standard output too."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with suppress(OSError):  # it was that of the listing itself
                os.close(int(name))


def _show_command(command: str) -> None:
    """Let `ps` show this command in place of that of `up`.

    The kernel reads it from where it put the arguments: `arg_start` and `arg_end` in proc_pid_stat(5).
    """
    # The name before the parenthesis may end in the middle of a character.
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    ctypes.memmove(start, command.encode()[: end - start - 1].ljust(end - start, b"\0"), end - start)
