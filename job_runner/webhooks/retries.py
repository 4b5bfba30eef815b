"""When a webhook is tried again. Pure: the caller passes the random generator."""

import random
from collections.abc import Sequence
from typing import Final

#: Seconds after each failed attempt. After the last one has been used, a webhook has failed.
SCHEDULE: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Each delay is longer or shorter by up to this part, so that the webhooks of one outage do not return at once.
_JITTER: Final = 0.1


def next_delay(
    attempt: int, rng: random.Random, *, at_least: float | None = None, schedule: Sequence[float] = SCHEDULE
) -> float | None:
    """Return the seconds to wait after attempt number `attempt` (from 1) failed; None if it was the last.

    `at_least` is what the receiver asked for.
    """
    if attempt > len(schedule):
        return None
    return max(schedule[attempt - 1] * rng.uniform(1 - _JITTER, 1 + _JITTER), at_least or 0.0)
