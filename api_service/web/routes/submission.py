"""The page of one submission. Its scripts read the submission from API v1, and say if there is none."""

from fastapi import APIRouter, Request, Response

from api_service.services import ServicesDep
from api_service.web.program_page import program_page

router = APIRouter(include_in_schema=False)


@router.api_route("/submissions/{id:int}", methods=["GET", "HEAD"])
async def submission(request: Request, services: ServicesDep) -> Response:
    return await program_page(request, services)
