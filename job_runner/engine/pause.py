"""Holds claims back while the engine or the object store is away."""

import time
from collections.abc import Callable
from typing import Final

from shared.service import metrics
from shared.service.errors import TransientError
from shared.service.logging import get_logger
from shared.service.retry import RetryPolicy

log = get_logger(__name__)

#: The most seconds between two tries. An outage that has ended must not last much longer for the submissions.
LONGEST_PAUSE: Final = 10.0
_POLICY: Final = RetryPolicy(base=1, cap=LONGEST_PAUSE)


class Pause:
    """A pause of the claims. It grows with each failure, and one job after each pause tries whether it is over."""

    def __init__(self, policy: RetryPolicy = _POLICY, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        """True if the last run reached the engine."""
        return self._failures == 0

    def begin(self, error: TransientError) -> None:
        """Begin a pause, or a longer one. Runs that fail together are one failure."""
        if self.seconds > 0:
            return
        self._failures += 1
        seconds = self._policy.delay(self._failures, at_least=error.retry_after)
        self._until = self._clock() + seconds
        metrics.CLAIMS_PAUSED.set(1)
        log.warning("claims.paused", error=str(error), next_try_s=round(seconds, 1))

    def end(self) -> None:
        """End the pause: a run has reached the engine."""
        if self._failures:
            self._failures, self._until = 0, 0.0
            metrics.CLAIMS_PAUSED.set(0)
            log.info("claims.resumed")

    @property
    def seconds(self) -> float:
        """The seconds for which no job is claimed."""
        return max(0.0, self._until - self._clock())

    def limit(self, free: int, busy: int) -> int:
        """Return how many of the `free` slots may be taken, while `busy` others are.

        A pause that has not ended allows one job at a time.
        """
        if self.is_over:
            return free
        return 0 if self.seconds > 0 or busy else min(free, 1)
