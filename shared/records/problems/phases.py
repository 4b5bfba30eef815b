"""The phases in which a check of a package runs the jury's submissions, if it derives the time limit. Pure.

What bounds the limit from below runs first, at the operator's maximum. What bounds it from above runs with a little
more than the limit. The others run at the limit.
"""

from enum import IntEnum

from shared.judging.packages.model import JurySubmission


class Phase(IntEnum):
    """The submissions of later phases are held."""

    FROM_BELOW = 1
    FROM_ABOVE = 2
    AT_LIMIT = 3


def phase_of(submission: JurySubmission, *, has_own_limit: bool) -> Phase:
    """Return when a submission runs. With a limit of its language's own it bounds no other."""
    if has_own_limit:
        return Phase.AT_LIMIT
    if submission.bounds_from_below:
        return Phase.FROM_BELOW
    return Phase.FROM_ABOVE if submission.bounds_from_above else Phase.AT_LIMIT
