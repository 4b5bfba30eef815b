"""Liveness and readiness, for load balancers and supervisors."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_service.classic.schemas import Health, ReadinessReport
from api_service.services import ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Check that the process answers", description="It needs no database.")
async def get_health() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Check that the API can serve requests",
    response_model=ReadinessReport,
    responses={503: {"model": ReadinessReport, "description": "The database or the object store does not answer."}},
)
async def get_readiness(services: ServicesDep) -> Response:
    """The API is ready if submissions can be stored. While the broker is unavailable, they wait in the outbox."""
    has_database, has_store = await asyncio.gather(services.readiness.database.get(), services.readiness.store.get())
    ready = has_database and has_store
    report = {
        "status": "ready" if ready else "waiting",
        "database": "ok" if has_database else "unavailable",
        "store": "ok" if has_store else "unavailable",
    }
    return JSONResponse(report, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)
