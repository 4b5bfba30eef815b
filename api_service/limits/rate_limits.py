"""Takes from budgets, and refuses a request if one is used up. The algorithm is in `shared.accounts.budgets`."""

import math
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from api_service.http.problems import Kind, Problem
from shared.accounts import budgets
from shared.accounts.budgets import Bucket, Charge
from shared.database.connection import Connection

WINDOW_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget, and the amount that a request takes from it.

    `what` names the budget in a refusal, `name` in header fields. A budget that keys share is not reported while it
    lasts, because its state would show what other keys do.
    """

    subject: str
    per_hour: int
    what: str
    amount: int = 1
    name: str = ""
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget after a request was counted: what is `left` of its `quota`, and in how many seconds there is more."""

    name: str
    quota: int
    left: int
    more_in_s: int


class QuotaExceeded(Problem):
    """A refusal (429) because budgets are used up."""

    def __init__(self, used_up: Sequence[tuple[Budget, Counted]]) -> None:
        budget, counted = max(used_up, key=lambda one: one[1].more_in_s)
        super().__init__(
            Kind.QUOTA_EXCEEDED,
            f"{budget.what}: the limit of {budget.per_hour} an hour is reached; try again in {counted.more_in_s}"
            " seconds.",
            headers={"Retry-After": str(counted.more_in_s)},
            policies=list(dict.fromkeys(counted.name for _, counted in used_up)),
        )


class LargerThanBudget(Problem):
    """A refusal (422) because a request needs more than a whole budget, so that no wait would help."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(
            Kind.INVALID,
            f"{budget.what}: this request needs {budget.amount}, which is more than the {budget.per_hour} of an hour;"
            " divide it.",
        )


#: The budgets that were counted for the request of this task. None if its answer does not report them.
COUNTED: Final[ContextVar[dict[str, Counted] | None]] = ContextVar("counted", default=None)


async def take(connection: Connection, wanted: Sequence[Budget]) -> None:
    """Take from all the budgets, in the caller's transaction.

    Raises `LargerThanBudget` if one is too small, and `QuotaExceeded` if one is used up. The transaction must then be
    rolled back.
    """
    for one in wanted:
        if one.amount > one.per_hour:
            raise LargerThanBudget(one)
    standings = await budgets.take(connection, [Charge(one.subject, one.per_hour, one.amount) for one in wanted])
    counted = [(one, _counted(one, standings[one.subject])) for one in wanted if one.subject in standings]
    used_up = [(one, state) for one, state in counted if standings[one.subject].wait_s is not None]
    if used_up:
        raise _refused(used_up)
    reported = COUNTED.get()
    if reported is not None:
        reported.update({state.name: state for one, state in counted if not one.is_shared})


async def check(connection: Connection, budget: Budget) -> None:
    """Raise `QuotaExceeded` if more than an hour's worth was charged to the budget."""
    if wait := await budgets.overdrawn(connection, budget.subject):
        raise _refused([(budget, _counted(budget, Bucket(WINDOW_SECONDS + wait, wait)))])


def _refused(used_up: Sequence[tuple[Budget, Counted]]) -> QuotaExceeded:
    reported = COUNTED.get()
    if reported is not None:
        reported.clear()
        reported.update({state.name: state for _, state in used_up})
    return QuotaExceeded(used_up)


def _counted(budget: Budget, standing: Bucket) -> Counted:
    """Return what is left. If the budget is used up, there is more when the request can be served."""
    each = WINDOW_SECONDS / budget.per_hour
    # Rounded, because the times in the database have microseconds.
    left = round(max(0.0, WINDOW_SECONDS - standing.in_use_s) / each, 3)
    wait = min((math.floor(left) + 1 - left) * each, standing.in_use_s) if standing.wait_s is None else standing.wait_s
    return Counted(budget.name or budget.subject, budget.per_hour, math.floor(left), max(1, math.ceil(wait)))
