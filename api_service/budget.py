"""Budgets: how much a key may submit, and how many mails a recipient may be sent, an hour.

The generic cell rate algorithm (ITU-T I.371): one time stamp per subject says until when it has used up what it got.
One statement reads and takes, so replicas share a budget, and its cost does not depend on how much was used.
"""

import math
from http import HTTPStatus

from api_service.problems import Problem
from shared.database import Connection


async def take(connection: Connection, subject: str, *, per_hour: int, what: str) -> None:
    """Take one from the budget of `subject`, an hour's worth of which may be used at once.

    Raises `Problem` (429) with `Retry-After` when it is used up; `what` names it in the sentence.
    """
    row = await connection.fetch_one(
        """
        INSERT INTO budgets AS b (subject, used_until) VALUES (:subject, now() + make_interval(secs => :each))
        ON CONFLICT (subject) DO UPDATE SET used_until = greatest(b.used_until, now()) + make_interval(secs => :each)
        WHERE greatest(b.used_until, now()) + make_interval(secs => :each) <= now() + interval '1 hour'
        RETURNING 1 AS taken
        """,
        {"subject": subject, "each": 3600 / per_hour},
    )
    if row is not None:
        return
    seconds = await connection.fetch_one(
        "SELECT extract(epoch FROM used_until - now()) - 3600 + :each AS wait FROM budgets WHERE subject = :subject",
        {"subject": subject, "each": 3600 / per_hour},
    )
    wait = max(1, math.ceil(seconds["wait"])) if seconds else 1
    raise Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{what}: at most {per_hour} an hour; try again in {wait} seconds.",
        {"Retry-After": str(wait)},
    )
