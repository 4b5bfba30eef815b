"""For load balancers and supervisors: is the process alive, and can it serve."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_service.dependencies import ServicesDep
from api_service.schemas import Health, ReadinessReport

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="get_health", summary="The process answers")
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="What every request needs is there",
    response_model=ReadinessReport,
    responses={503: {"model": ReadinessReport, "description": "The database does not answer."}},
)
async def readyz(services: ServicesDep) -> Response:
    """A broker that is away does not matter here: accepted submissions wait in the outbox."""
    if await services.readiness.check():
        return JSONResponse({"status": "ready", "database": "ok"})
    return JSONResponse({"status": "waiting", "database": "unavailable"}, HTTPStatus.SERVICE_UNAVAILABLE)
