"""No orphans: the kernel ends a child when its parent dies, however the parent died (prctl(2), PR_SET_PDEATHSIG)."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded once, before any fork: after it, a child may neither import nor allocate much.
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(death: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for `Popen`: the child gets `death` when the thread that started it ends.

    The thread, not the process: so children are started from the main thread. Popen calls it after it has switched
    the user, which matters, since the kernel forgets the request when credentials change.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _libc.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0) != 0:
            os._exit(os.EX_OSERR)
        # The parent may have died between fork and prctl; then nobody would ever send the signal.
        if os.getppid() != parent:
            os._exit(os.EX_TEMPFAIL)

    return ask_the_kernel
