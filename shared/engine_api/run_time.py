"""The time for which the sender of a run is charged."""

import time
from collections.abc import Callable

from shared.engine_api.event_lines import RunEvent
from shared.engine_api.run_call.events import Alive, Compiled, Started, TestEnded, UnitTestsEnded


class RunTime:
    """Begins when it is made. A run waits for its slot, and for a processor if the machine is busy: that is not
    charged. A program that sleeps holds its slot."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._cpu_s = self._waited_s = 0.0
        #: Called when the run is long, and gives way to others.
        self.when_long: Callable[[], object] = lambda: None

    def add(self, event: RunEvent) -> None:
        """Take an event of the run, or of a further call that it needs."""
        now = time.monotonic()
        match event:
            case Alive():
                self.when_long()
            case Started():
                self._waited_s += now - self._last
            case Compiled() | TestEnded():
                self._cpu_s += event.cpu_s + (event.judge_cpu_s if isinstance(event, TestEnded) else 0.0)
                # Tests run at once, so they may have waited at the same time, or while another test ran.
                self._waited_s += min(event.waited_s, now - self._last)
            case UnitTestsEnded():
                self._cpu_s += event.cpu_s + event.judge_cpu_s
        if isinstance(event, Started | Compiled | TestEnded | UnitTestsEnded):
            self._last = now

    @property
    def seconds(self) -> float:
        """The CPU time, or the elapsed time without waiting if that is more: tests may run at once."""
        return max(self._cpu_s, time.monotonic() - self._began - self._waited_s)
