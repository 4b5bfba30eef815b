"""Batches: submissions that are posted, followed and cancelled together."""

from functools import partial
from http import HTTPStatus

from fastapi import Request, Response

from api_service.http.errors import ApiError, Kind
from api_service.requests.answers import answer
from api_service.requests.idempotency import once
from api_service.requests.ids import BatchId
from api_service.requests.openapi import V1Router, location
from api_service.requests.receive import receiving
from api_service.requests.validation import read_query
from api_service.requests.visibility import refuse_unknown, require_visible_batch
from api_service.services import ReaderDep, Services, ServicesDep, SubmitterDep
from api_service.submissions import batches, delete
from api_service.submissions.service import OnStored
from api_service.v1.body.batch import BatchBody, read_batch
from api_service.v1.events.batch import batch_events, ended_batch, find_batch, last_id
from api_service.v1.events.stream import LAST_EVENT_ID, RESPONSES, event_stream
from shared.records.resources.models import Batch
from shared.records.resources.states import BatchState

router = V1Router(tags=["batches"])


async def _batch(services: Services, owner: int | None, batch: int) -> Batch:
    return await find_batch(services, batch, owner) or refuse_unknown("batch")


async def _ended(services: Services, owner: int | None, batch: int) -> Batch:
    return await ended_batch(services, batch, owner) or refuse_unknown("batch")


@router.operation(
    "POST /batches",
    "Run many programs",
    "Registers submissions together, all of them or none, and requests their runs. What a submission lacks comes"
    " from `defaults`.",
    answer=Batch,
    status=HTTPStatus.CREATED,
    body=BatchBody,
    headers=location("batch"),
    problems=[Kind.QUOTA_EXCEEDED, Kind.TOO_MANY],
    idempotent=True,
)
async def create_batch(principal: SubmitterDep, request: Request, services: ServicesDep) -> Response:
    async with receiving(request, services, principal):
        new, content = await read_batch(request, services, principal)

        async def work(on_stored: OnStored) -> int:
            async with services.requesting_runs():
                return await batches.register(services.submissions, principal, new, on_stored)

        render, status, path = partial(_batch, services, principal.visible_owner), HTTPStatus.CREATED, "/v1/batches/{}"
        return await once(request, services, principal, content, work, render, status=status, location=path)


@router.operation(
    "GET /batches/{id}",
    "Get a batch",
    "How far it is, and its submissions in the order in which they were posted.",
    answer=Batch,
)
async def get_batch(principal: ReaderDep, id: BatchId, request: Request, services: ServicesDep) -> Response:
    await require_visible_batch(services, principal, id)
    read_query(request)
    return answer(await _ended(services, principal.visible_owner, id))


@router.operation(
    "POST /batches/{id}/cancel",
    "Cancel a batch",
    "Cancels each of its submissions that has not ended, as its own call does, and the check whose batch it is.",
    answer=Batch,
    status=HTTPStatus.ACCEPTED,
    problems=[Kind.FINAL],
    idempotent=True,
)
async def cancel_batch(principal: SubmitterDep, id: BatchId, request: Request, services: ServicesDep) -> Response:
    await require_visible_batch(services, principal, id)
    read_query(request)

    async def work(on_stored: OnStored) -> int:
        if not await batches.cancel_batch(services.database, id, lambda connection: on_stored(connection, id)):
            raise ApiError(Kind.FINAL, "This batch is finished; only what has not ended can be cancelled.")
        return id

    render = partial(_ended, services, principal.visible_owner)
    return await once(request, services, principal, None, work, render, status=HTTPStatus.ACCEPTED)


@router.operation(
    "DELETE /batches/{id}",
    "Delete a batch",
    "Removes it with its submissions, as their own call does, and with its digests.",
    status=HTTPStatus.NO_CONTENT,
    problems=[Kind.UNDER_WAY],
    responses={HTTPStatus.NO_CONTENT: {"description": "It is deleted."}},
)
async def delete_batch(principal: SubmitterDep, id: BatchId, request: Request, services: ServicesDep) -> Response:
    await require_visible_batch(services, principal, id)
    read_query(request)
    if not await delete.delete_batch(services.database, services.store, id):
        refuse_unknown("batch")
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.operation(
    "GET /batches/{id}/events",
    "Follow a batch",
    "A stream of Server-Sent Events: `progress` at once and at each change, but at most once a second, and"
    " `finished` with the batch at its end.",
    parameters=[LAST_EVENT_ID],
    problems=[Kind.TOO_MANY],
    responses=RESPONSES,
)
async def stream_batch_events(principal: ReaderDep, id: BatchId, request: Request, services: ServicesDep) -> Response:
    batch = await _batch(services, principal.visible_owner, id)
    read_query(request)
    if batch.state is BatchState.FINISHED and request.headers.get("Last-Event-ID") == last_id(id):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return await event_stream(request, batch_events(services, principal, id))
