"""How much longer work takes here than on a quiet machine, because of what else runs: for limits of elapsed time that
no event and no processor time can replace."""

import time
from typing import Final

#: Processor time of one measurement: several turns of the kernel's scheduler.
_WORK_S: Final = 0.2


def stretch() -> float:
    """Return elapsed time per processor time, at least 1. With 40 busy processes on two processors it is some 20."""
    started, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < _WORK_S:
        pass
    return max(1.0, (time.monotonic() - started) / _WORK_S)
