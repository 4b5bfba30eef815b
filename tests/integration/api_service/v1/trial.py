"""A POST that only tests have. It pauses and fails where its body says, which no other call can."""

import asyncio
import random
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api_service.http.problems import Kind, Problem
from api_service.limits import rate_limits
from api_service.limits.rate_limits import RateLimit
from api_service.services import ServicesDep, SubmitterDep
from api_service.submissions.service import OnStored
from api_service.v1.protocol.idempotency import once
from api_service.v1.protocol.validation import Strict, read_json

router = APIRouter()

PATH = "/v1/trial/7"
PER_HOUR = 3


class Trial(BaseModel):
    made: int
    text: str


class Inner(Strict):
    name: str = "1"
    points: float = 1


class Order(Strict):
    text: Annotated[str, Field(min_length=1)]
    count: int = 1
    is_urgent: bool = False
    tests: list[Inner] | None = None
    labels: dict[str, str] = Field(default_factory=dict)


@router.post(PATH, include_in_schema=False)
async def post_trial(request: Request, principal: SubmitterDep, services: ServicesDep) -> Response:
    order = await read_json(request, Order)

    async def work(on_stored: OnStored) -> int:
        async with services.database.transaction() as connection:
            if not principal.sees_all:
                await rate_limits.take(connection, [RateLimit("trial:7", PER_HOUR, "Trials", name="trials")])
            made = random.randrange(1, 1 << 40)
            await connection.execute("INSERT INTO deleted_uploads VALUES (:id)", {"id": made})
            await paused("work", order)
            if order.text == "fail":
                raise Problem(Kind.UNDER_WAY, "It failed, as it should.")
            await on_stored(connection, made)
        return made

    async def render(made: int) -> Trial:
        await paused("render", order)
        return Trial(made=made, text=str(random.random()))

    return await once(
        request, services, principal, order, work, render,
        status=HTTPStatus.CREATED, location="/v1/trial/{}",
    )  # fmt: skip


#: A test sets it, and `work` or `render` continues.
go_on = asyncio.Event()
reached: list[str] = []


async def paused(where: str, order: Order) -> None:
    if order.text == f"pause in {where}":
        reached.append(where)
        await go_on.wait()
