"""The states of a job. docs/architecture.md draws their transitions."""

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


FINAL: Final = frozenset({JobState.EXECUTED, JobState.FAILED, JobState.CANCELLED})
