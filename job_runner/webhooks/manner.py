"""The rules of delivery for webhooks, and for callbacks of Judge0."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.judge0.callbacks import CALLBACK_SECONDS, CALLBACK_TRIES

#: Seconds between two attempts of a callback.
_SECONDS_BETWEEN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Manner:
    """The rules of delivery for one kind of message.

    `is_guarded` is False if every address may be called. With `takes_any_answer`, the status of an answer does not
    matter. `seconds` bounds an attempt, and `delays` are the waits after failed attempts. None means the values of
    webhooks.
    """

    method: str = "POST"
    is_signed: bool = True
    is_guarded: bool = True
    takes_any_answer: bool = False
    seconds: float | None = None
    delays: Sequence[float] | None = None


WEBHOOK: Final = Manner()


def callback(*, is_guarded: bool) -> Manner:
    """Return the manner of Judge0's callbacks."""
    return Manner("PUT", False, is_guarded, True, CALLBACK_SECONDS, [_SECONDS_BETWEEN] * (CALLBACK_TRIES - 1))
