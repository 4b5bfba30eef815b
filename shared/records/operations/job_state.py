"""The states of a job and their transitions. docs/architecture.md draws them, and a test compares the two."""

from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    """`EXECUTED` means that the program ran or did not compile; `FAILED` means that we could not run it.

    `CANCELLED` means that its sender did not want it any more.
    """

    NONE_EXECUTED = "none-executed"
    EXECUTING = "executing"
    EXECUTED = "executed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.NONE_EXECUTED: frozenset({JobState.EXECUTING, JobState.CANCELLED}),
    JobState.EXECUTING: frozenset({JobState.EXECUTED, JobState.FAILED, JobState.NONE_EXECUTED, JobState.CANCELLED}),
    JobState.EXECUTED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}

#: The beginning of a job's `failure` while it is executing and its outcome cannot be stored.
RESULT_WAITS: Final = "its result cannot be stored yet"

FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)
