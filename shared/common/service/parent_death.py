"""Lets the kernel end a child when its parent dies (prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded once, before any fork: a forked child should neither import nor allocate much.
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(death: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` for `Popen`: the child gets `death` when the thread that started it ends.

    The kernel watches the thread, not the process, so children are started from the main thread. Popen calls the
    function after it has changed the user, which is needed: the kernel drops the request when credentials change.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0) != 0:
            os._exit(os.EX_OSERR)
        # The parent may have died between fork and prctl. Then the signal would never come.
        if os.getppid() != parent:
            os._exit(os.EX_TEMPFAIL)

    return ask_the_kernel
