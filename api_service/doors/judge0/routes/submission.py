"""`/submissions/{token}`: read one, and delete it."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_service.doors.judge0.access import Admin, Reader
from api_service.doors.judge0.creation import ConfigurationDep, require_open
from api_service.doors.judge0.parameters import read, shown
from api_service.doors.judge0.reading import read_one, upload_of
from api_service.doors.judge0.refusals import bad_request
from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep
from api_service.submissions.delete import delete
from shared.judge0.statuses import DESCRIPTIONS, Status

router = APIRouter()


@router.get("/submissions/{token}")
async def get_submission(request: Request, token: str, principal: Reader, services: ServicesDep) -> Response:
    how = shown(await read(request))
    return JSONResponse(await read_one(services, principal, token, how))


@router.delete("/submissions/{token}")
async def delete_submission(
    request: Request, token: str, principal: Admin, services: ServicesDep, configuration: ConfigurationDep
) -> Response:
    require_open(configuration)
    if not configuration.enable_submission_delete:
        raise bad_request("delete not allowed")
    how = replace(shown(await read(request)), base64=True)
    upload = await upload_of(services, principal, token)
    number = (await read_one(services, principal, token, replace(how, fields=["status_id"])))["status_id"]
    if number in (Status.IN_QUEUE, Status.PROCESSING):
        error = f"submission cannot be deleted because its status is {number} ({DESCRIPTIONS[number]})"
        raise bad_request(error)
    deleted = await read_one(services, principal, token, how)
    if not await delete(services.database, services.store, upload):
        raise Problem(Kind.NOT_FOUND, "")
    return JSONResponse(deleted)
