"""A resource that only tests have: its routes use what all routes of API v1 share."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api_service import budget
from api_service.budget import Budget
from api_service.dependencies import ReaderDep, ServicesDep, SubmitterDep
from api_service.problems import Kind, Problem
from api_service.submissions import Settle
from api_service.v1.answers import answer
from api_service.v1.idempotency import once
from api_service.v1.ids import SubmissionId
from api_service.v1.openapi import operation
from api_service.v1.validation import Strict, read_json, read_query

router = APIRouter(prefix="/v1/trial", tags=["submissions"])

#: The only id of which there is something.
KNOWN = 7
PER_HOUR = 3


class Trial(BaseModel):
    """The answer of a trial."""

    made: int = Field(description="What was made.", examples=[5])
    text: str = Field(description="Any text.", examples=[""])
    at: datetime | None = Field(default=None, description="A time.", examples=[None])


class Inner(Strict):
    """A part of a body."""

    name: Annotated[str, Field(max_length=5)] = "1"
    points: Annotated[float, Field(ge=0, le=1000)] = 1


class Order(Strict):
    """A body."""

    text: Annotated[str, Field(min_length=1, description="Any text.")]
    count: Annotated[int, Field(ge=1)] = 1
    is_urgent: bool = False
    tests: Annotated[list[Inner], Field(max_length=3)] | None = None
    labels: dict[str, Annotated[str, Field(max_length=3)]] = Field(default_factory=dict)
    kind: Literal["exact", "lines"] = "lines"


class Filters(Strict):
    """A query."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many.")] = 50
    is_urgent: bool | None = Field(None, description="Whether it hurries.")
    after: datetime | None = Field(None, description="Since when.")
    ratio: float | None = Field(None, ge=-10, le=10, description="A number.")
    text: str | None = Field(None, description="Any text.")
    metadata: dict[str, Annotated[str, Field(max_length=500)]] = Field({}, description="Any names.")


@router.get(
    "/{id}",
    **operation(
        "get_trial", "Get a trial", "It is only there for tests.",
        answer=Trial, example={"made": 7, "text": "", "at": None}, query=Filters, problems=[Kind.NOT_FOUND],
    ),
)  # fmt: skip
async def get_trial(request: Request, principal: ReaderDep, id: SubmissionId) -> Response:  # noqa: A002
    check(id)
    filters = read_query(request, Filters)
    return answer(Trial(made=id, text=filters.model_dump_json()))


@router.get("/{id}/text/{size}", include_in_schema=False)
async def get_text(size: int, principal: ReaderDep) -> Response:
    return answer(Trial(made=1, text="x" * size))


@router.get("/{id}/plain", include_in_schema=False)
async def get_plain(principal: ReaderDep) -> Response:
    return Response("x" * 5000, media_type="text/plain; charset=utf-8")


#: Streams that have ended.
ended: list[str] = []


@router.get("/{id}/events", include_in_schema=False)
async def get_events(principal: ReaderDep) -> Response:
    async def events() -> AsyncIterator[bytes]:
        try:
            await asyncio.sleep(60)
            yield b"data: 1\n\n"
        finally:
            ended.append("events")

    return StreamingResponse(events(), media_type="text/event-stream")


@router.get("/{id}/crash", include_in_schema=False)
async def crash(principal: ReaderDep) -> Response:
    raise ZeroDivisionError("a secret")


@router.post(
    "/{id}",
    **operation(
        "post_trial", "Post a trial", "It is only there for tests.",
        answer=Trial, status=HTTPStatus.CREATED, example={"made": 5, "text": "", "at": None},
        body=Order, body_example={"text": "a"}, problems=[Kind.NOT_FOUND, Kind.REQUEST_UNDER_WAY],
    ),
)  # fmt: skip
async def post_trial(request: Request, principal: SubmitterDep, services: ServicesDep, id: SubmissionId) -> Response:  # noqa: A002
    check(id)
    order = await read_json(request, Order)
    read_query(request)

    async def work(settle: Settle) -> int:
        async with services.database.transaction() as connection:
            if not principal.sees_all:
                await budget.take(connection, [Budget(f"trial:{id}", PER_HOUR, "Trials", name="trials")])
            made = random.randrange(1, 1 << 40)
            await connection.execute("INSERT INTO deleted_uploads VALUES (:id)", {"id": made})
            await paused("work", order)
            if order.text == "fail":
                raise Problem(Kind.UNDER_WAY, "It failed, as it should.")
            await settle(connection, made)
        return made

    async def render(made: int) -> Trial:
        await paused("render", order)
        return Trial(made=made, text=str(random.random()))

    return await once(
        request, services, principal, order, work, render,
        status=HTTPStatus.CREATED, location=lambda made: f"/v1/trial/{made}",
    )  # fmt: skip


#: A test sets it, and `work` or `render` continues.
go_on = asyncio.Event()
reached: list[str] = []


async def paused(where: str, order: Order) -> None:
    if order.text == f"pause in {where}":
        reached.append(where)
        await go_on.wait()


def check(id: int) -> None:  # noqa: A002
    if id != KNOWN:
        raise Problem(Kind.NOT_FOUND, "There is no such trial.")
