"""The rules of delivery for webhooks, and for callbacks of Judge0: also when each is tried again. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.records.judge0.callbacks import CALLBACK_SECONDS, CALLBACK_TRIES

#: The most seconds for one attempt, from the name's resolution to the end of the answer.
ATTEMPT_SECONDS: Final = 15.0
#: Seconds after each failed attempt. After the last one has been used, a webhook has failed.
SCHEDULE: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Each delay is longer or shorter by up to this part, so that the webhooks of one outage do not return at once.
_JITTER: Final = 0.1
#: Seconds between two attempts of a callback.
_SECONDS_BETWEEN: Final = 1.0


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The rules of delivery for one kind of message.

    `is_guarded` is False if every address may be called. With `takes_any_answer`, the status of an answer does not
    matter. `seconds` bounds an attempt, and `delays` are the waits after failed attempts.
    """

    method: str = "POST"
    is_signed: bool = True
    is_guarded: bool = True
    takes_any_answer: bool = False
    seconds: float = ATTEMPT_SECONDS
    delays: Sequence[float] = SCHEDULE

    def next_delay(self, attempt: int, *, at_least: float | None = None) -> float | None:
        """Return the seconds to wait after attempt number `attempt` (from 1) failed; None if it was the last.

        `at_least` is what the receiver asked for.
        """
        if attempt > len(self.delays):
            return None
        factor = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return max(self.delays[attempt - 1] * factor, at_least or 0.0)


WEBHOOK: Final = DeliveryPolicy()


def callback(*, is_guarded: bool) -> DeliveryPolicy:
    """Return the policy of Judge0's callbacks."""
    return DeliveryPolicy("PUT", False, is_guarded, True, CALLBACK_SECONDS, [_SECONDS_BETWEEN] * (CALLBACK_TRIES - 1))
