"""The states of the resources."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """The states of a submission. A run has the same ones, but for `held`."""

    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: A submission in one of these changes only if it is run again.
FINAL_STATES: Final = frozenset({State.FINISHED, State.FAILED, State.CANCELLED})


class BatchState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class MailKind(StrEnum):
    RESULT = "result"
    RECEIPT = "receipt"
    DIGEST = "digest"
    CHECK = "check"


class MailState(StrEnum):
    """`refused`: the provider would not take it. `suppressed`: the address wants no mail, so nothing was sent.

    `uncertain`: it was handed over several times, and the provider's answer was lost each time.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"
    UNCERTAIN = "uncertain"


class WebhookState(StrEnum):
    """`gone`: the receiver wants no more (410). `failed`: the last retry failed."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    FAILED = "failed"
