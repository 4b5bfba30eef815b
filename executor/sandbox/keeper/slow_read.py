"""A read of a box's processes that the box can make slow, in a thread beside the keeper's loop.

The kernel lists the memory of a process under a lock, which the process holds while it forks or maps. If it has to wait
for a processor then, so does the reader: 128 processes of a fork bomb took 139 s.
"""

import contextlib
import threading
from collections.abc import Callable

#: Seconds that the keeper waits for a result. Most reads take less.
_PATIENCE_S = 0.02


class SlowRead:
    """Runs `read` once at a time.

    A read may outlast the files that it reads. By then its result is no longer asked for.
    """

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._thread: threading.Thread | None = None
        self._result: int | None = None

    def result(self) -> int | None:
        """Start to read if no read runs. Return the result, or None if it is for a later call."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # there are too many processes on this host
                self._thread = None
                self._run()
                return self._result
        self._thread.join(_PATIENCE_S)
        if self._thread.is_alive():
            return None
        self._thread = None
        return self._result

    def _run(self) -> None:
        self._result = None
        with contextlib.suppress(OSError):  # the box has just ended
            self._result = self._read()
