"""The page of one submission. Its scripts read the submission from API v1."""

from fastapi import APIRouter, Request, Response

from api_service.services import ServicesDep
from api_service.v1.protocol.ids import SubmissionId
from api_service.web.program_page import program_page

router = APIRouter(include_in_schema=False)


@router.api_route("/submissions/{id}", methods=["GET", "HEAD"])
async def submission(request: Request, id: SubmissionId, services: ServicesDep) -> Response:
    return await program_page(request, services)
