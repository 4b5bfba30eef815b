"""Liveness and readiness, for load balancers and supervisors."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_service.dependencies import ServicesDep
from api_service.schemas import Health, ReadinessReport

router = APIRouter(tags=["health"])


@router.get(
    "/healthz", operation_id="get_health", summary="Check that the process answers", description="It needs no database."
)
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Check that the API can serve requests",
    response_model=ReadinessReport,
    responses={503: {"model": ReadinessReport, "description": "The database does not answer."}},
)
async def readyz(services: ServicesDep) -> Response:
    """Only the database is checked. While the broker is unavailable, accepted submissions wait in the outbox."""
    if await services.readiness.check():
        return JSONResponse({"status": "ready", "database": "ok"})
    return JSONResponse({"status": "waiting", "database": "unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE)
