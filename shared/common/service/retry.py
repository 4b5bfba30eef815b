"""Computes when to try again: exponential, capped, with jitter."""

import random
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays double from `base` seconds up to `cap`.

    Each delay is drawn from its upper half, so that many clients do not return at once. After a fork, Python seeds
    `random` again, so processes differ too.
    """

    base: float = 1.0
    cap: float = 60.0

    def delay(self, attempt: int, *, at_least: float | None = None) -> float:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed; never less than `at_least`."""
        full = min(self.cap, self.base * 2.0 ** min(attempt - 1, 32))
        return max(full * random.uniform(0.5, 1.0), at_least or 0.0)  # noqa: S311

    def capped(self, cap: float) -> Self:
        """Return this policy with no delay above `cap` seconds."""
        return replace(self, cap=min(self.cap, cap))
