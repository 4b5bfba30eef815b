"""Answers 429 with the time of the next try if a budget is used up. The algorithm is in `shared.budgets`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from api_service.problems import Problem
from shared import budgets
from shared.budgets import Use
from shared.database.connection import Connection


@dataclass(frozen=True, slots=True)
class Budget:
    """The use of one budget by a request. `what` names the budget in the sentence of a refusal."""

    subject: str
    per_hour: int
    what: str
    amount: int = 1


async def take(connection: Connection, wanted: Sequence[Budget]) -> None:
    """Take from all the budgets, in the caller's transaction.

    Raises `Problem` (429) with `Retry-After` if one is used up. The transaction must then be rolled back.
    """
    waits = await budgets.take(connection, [Use(one.subject, one.per_hour, one.amount) for one in wanted])
    for one in sorted(wanted, key=lambda one: -waits.get(one.subject, 0.0)):
        if one.subject in waits:
            raise _used_up(one, waits[one.subject])


async def check(connection: Connection, budget: Budget) -> None:
    """Raise `Problem` (429) if more than an hour's worth was charged to the budget."""
    if wait := await budgets.overdrawn(connection, budget.subject):
        raise _used_up(budget, wait)


def _used_up(budget: Budget, seconds: float) -> Problem:
    wait = max(1, math.ceil(seconds))
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{budget.what}: at most {budget.per_hour} an hour; try again in {wait} seconds.",
        {"Retry-After": str(wait)},
    )
