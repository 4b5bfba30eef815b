"""The page of one submission. Its scripts read the submission from API v1, and say if there is none."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api_service.requests.ids import SubmissionId
from api_service.requests.visibility import require_visible
from api_service.services import ReaderDep, ReserveDep, ServicesDep
from api_service.web.program_page import program_page

router = APIRouter(include_in_schema=False)

_SIZE: Final = "coalesce(octet_length(inputs), 0) + coalesce(octet_length(CAST(tests AS text)), 0) AS size"
#: Limits are those that were asked for, in place of those in effect.
_SENT: Final = """CAST(jsonb_build_object(
    'stdin', coalesce(inputs, ''), 'expected_output', expected_output,
    'tests', CASE WHEN spec ->> 'unit_tests' IS NULL THEN coalesce(tests, '[]') ELSE '[]' END,
    'limits', coalesce(spec -> 'limits', '{}')
) AS text) AS content"""


@router.api_route("/submissions/{id:int}", methods=["GET", "HEAD"])
async def submission(request: Request, services: ServicesDep) -> Response:
    return await program_page(request, services)


@router.get("/sent/{id}")
async def sent(principal: ReaderDep, id: SubmissionId, services: ServicesDep, reserve: ReserveDep) -> Response:
    """Answer a sender with what API v1 does not return, so that the page can fill in its form again."""
    submission = await require_visible(services, principal, id, _SIZE)
    reserve(submission["size"])
    row = await require_visible(services, principal, id, _SENT)
    headers = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    return Response(row["content"], media_type="application/json", headers=headers)
