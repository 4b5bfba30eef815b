"""The clock of one step: when its wall limit is reached, and when to check its use again."""

import math
import os
import time
from dataclasses import replace

from executor.sandbox.keeper.protocol import StepLimits

PROCESSORS = len(os.sched_getaffinity(0))
#: The wall limit is stretched by the time that a program waits for a processor, up to this many times its length.
_MAX_STRETCH = 20
#: Seconds between two checks of a step, at least and at most.
_MIN_INTERVAL, _MAX_INTERVAL = 0.005, 0.05
#: From one check to the next there is at least this many times the CPU time of the check, so that the keeper can serve
#: other boxes. But it rests at most so many seconds: a program that makes checks slow must not go unchecked for long.
_MIN_RATIO, _MAX_REST = 4, 0.05


class StepClock:
    """Starts when it is made. Times are of `time.monotonic`, in seconds. The clock of a judge `is_paused`: its wall
    limit counts from `resume` on."""

    def __init__(self, limits: StepLimits, *, is_sampled: bool, is_paused: bool = False) -> None:
        self.limits = limits
        self.started = self._counted_from = time.monotonic()
        #: True in the background, where a program may wait for a processor without end.
        self.has_patience = False
        self._wall_s = math.inf if is_paused else limits.wall_s
        # Sampling misses what happens between two checks.
        self._max_interval = _MIN_INTERVAL * 2 if is_sampled else _MAX_INTERVAL

    def has_expired(self, now: float) -> bool:
        """Return True if the wall limit is reached, with what has been added to it so far."""
        return now >= self._counted_from + self._wall_s

    def resume(self) -> None:
        self._counted_from = time.monotonic()
        self._wall_s = self.limits.wall_s

    def begin_lap(self, cpu_s: float, wall_s: float) -> None:
        """Let these limits count from now on. The CPU time is that of the whole step. A paused clock stays so."""
        self.limits = replace(self.limits, cpu_s=cpu_s, wall_s=wall_s)
        self._counted_from = time.monotonic()
        self._wall_s = self._wall_s if math.isinf(self._wall_s) else wall_s

    def stretch(self, now: float, waited_s: float, judge_s: float = 0.0, cpu_s: float = 0.0) -> bool:
        """Extend the wall limit by the time spent waiting for a processor, and by that in which a judge was busy,
        unless the program computed meanwhile. Returns False if no time is left."""
        elapsed = now - self._counted_from
        own_s = max(elapsed - judge_s, 0.0)
        left = self.limits.wall_s - max(own_s - waited_s, min(cpu_s, elapsed), 0.0)
        stretched_s = own_s - waited_s if self.has_patience else own_s
        if left <= 0 or stretched_s > self.limits.wall_s * _MAX_STRETCH:
            return False
        self._wall_s = elapsed + left
        return True

    def soonest_check(self, now: float) -> float:
        return now + _MIN_INTERVAL

    def next_check(self, now: float, cpu_s: float, cost_s: float) -> float:
        """Return when to check again: soon if a limit is near, later if this check took much CPU time (`cost_s`)."""
        left = min((self.limits.cpu_s - cpu_s) / PROCESSORS, self._counted_from + self._wall_s - now)
        rest = min(cost_s * _MIN_RATIO, cost_s + _MAX_REST)
        return now + max(min(max(left, _MIN_INTERVAL), self._max_interval), rest)
