"""The use of a key's budgets."""

import math

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api_service.limits.rate_limits import WINDOW_SECONDS, Budget
from api_service.services import ReaderDep, ServicesDep
from api_service.v1.protocol.answers import answer
from api_service.v1.protocol.openapi import operation
from api_service.v1.protocol.validation import read_query
from shared.accounts import budgets
from shared.accounts.budgets import BucketUsage
from shared.resources.models import ListOf, Resource, Time

router = APIRouter(tags=["service"])


class Usage(Resource):
    """The use of one budget. `mails` is that of the address which this key has mailed most."""

    name: str = Field(examples=["submissions"])
    limit: int = Field(description="What may be used in a window.", examples=[6000])
    used: int = Field(description="What is in use now. Each use counts for less with time, and for a window at most.")
    remaining: int
    window_s: int = Field(examples=[WINDOW_SECONDS])
    resets_at: Time | None = Field(description="When nothing will be in use any more; null if nothing is.")


@router.get(
    "/usage",
    **operation(
        "list_usage",
        "See what a key has used",
        "What this key has used of each budget. Keys with the scope `admin` have no budgets.",
        answer=ListOf[Usage],
        example={
            "items": [
                {
                    "name": "submissions",
                    "limit": 6000,
                    "used": 1,
                    "remaining": 5999,
                    "window_s": WINDOW_SECONDS,
                    "resets_at": "2026-01-31T12:00:00.600000Z",
                }
            ],
            "next": None,
        },
    ),
)
async def list_usage(principal: ReaderDep, request: Request, services: ServicesDep) -> Response:
    read_query(request)
    if principal.sees_all:
        return answer(ListOf[Usage](items=[], next=None))
    charges = services.submissions.charges
    own, mails = charges.of_key(principal), charges.share_of_mails(principal)
    async with services.database.connection() as connection:
        found = await budgets.in_use(connection, [one.subject for one in own], [mails.subject])
    return answer(ListOf[Usage](items=[_usage(one, found.get(one.subject)) for one in (*own, mails)], next=None))


def _usage(budget: Budget, found: BucketUsage | None) -> Usage:
    # Rounded, because the times in the database have microseconds.
    used = math.ceil(round(found.seconds * budget.per_hour / WINDOW_SECONDS, 3)) if found else 0
    return Usage(
        name=budget.name,
        limit=budget.per_hour,
        used=used,
        remaining=max(0, budget.per_hour - used),
        window_s=WINDOW_SECONDS,
        resets_at=found.until if found and used else None,
    )
