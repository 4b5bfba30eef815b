"""When to try again: exponential, capped, with jitter. Pure: the clock and the dice are the caller's."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays double from `base` seconds up to `cap`.

    Each is drawn from its upper half, so that the many do not return at once.
    """

    base: float = 1.0
    cap: float = 60.0

    def delay(self, attempt: int, rng: random.Random, *, at_least: float | None = None) -> float:
        """Seconds to wait after attempt number `attempt` (from 1) failed; never less than the other side asked for."""
        full = min(self.cap, self.base * 2.0 ** min(attempt - 1, 32))
        return max(full * rng.uniform(0.5, 1.0), at_least or 0.0)
