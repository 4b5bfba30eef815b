"""For load balancers and supervisors: is the process alive, and can it serve."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_service.dependencies import ServicesDep

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="What every request needs is there")
async def readyz(services: ServicesDep) -> Response:
    """A broker that is away does not matter here: accepted submissions wait in the outbox."""
    if await services.readiness.check():
        return JSONResponse({"status": "ready", "database": "ok"})
    return JSONResponse({"status": "waiting", "database": "away"}, HTTPStatus.SERVICE_UNAVAILABLE)
