"""The calls that describe the server and its languages, and those that only check the sender's tokens."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from api_service.doors.door import Reader
from api_service.doors.judge0.access import Admin
from api_service.doors.judge0.configuration import ConfigurationDep
from api_service.doors.judge0.languages import all_languages, find, languages
from api_service.doors.judge0.parameters import is_on, read
from api_service.doors.judge0.statistics import Statistics, system_info
from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep
from api_service.v1.reads.visibility import owner_of
from shared.judge0.statuses import Status

router = APIRouter()

#: The version of Judge0 whose calls we answer. Judge0's SDK chooses the languages by it.
_VERSION = "1.13.1"
_TEXTS: Final = {
    "/version": _VERSION,
    "/isolate": "Programs do not run in isolate, but in the sandbox of Precieux.",
    "/license": "Precieux is free software under the MIT License. It has no code of Judge0.",
}
#: The most digits of an id. It costs time to parse very long numbers.
_LONGEST_ID = 9


@router.get("/about")
async def about(_: Reader, services: ServicesDep) -> Response:
    home = services.signer.public_url
    return JSONResponse(
        {"version": _VERSION, "homepage": home, "source_code": f"{home}/docs", "maintainer": "The Precieux developers"}
    )


@router.get("/version")
@router.get("/isolate")
@router.get("/license")
async def text(request: Request, _: Reader) -> Response:
    return PlainTextResponse(_TEXTS[request.scope["path"]])


@router.get("/config_info")
async def config_info(_: Reader, configuration: ConfigurationDep) -> Response:
    return JSONResponse(configuration.model_dump())


@router.get("/system_info")
async def get_system_info(_: Reader) -> Response:
    return JSONResponse(await system_info())


@router.get("/workers")
async def workers(_: Reader, services: ServicesDep) -> Response:
    now = await services.system_status.read()
    working, waiting = len(now.running), now.waits["requested"].depth - now.waits["executing"].depth
    slots = {"available": now.slots, "idle": max(0, now.slots - working), "working": working}
    queue = {"queue": "default", "size": max(0, waiting), **slots, "paused": 0, "failed": now.failed_jobs}
    return JSONResponse([queue])


@router.get("/statistics")
async def get_statistics(request: Request, principal: Reader) -> Response:
    statistics: Statistics = request.app.state.statistics
    recount = is_on(await read(request), "invalidate_cache")
    return JSONResponse(await statistics.read(owner_of(principal), recount=recount))


@router.get("/languages")
async def list_languages(_: Reader, services: ServicesDep) -> Response:
    return JSONResponse([language.listed() for language in languages(await services.languages.catalog())])


@router.get("/languages/all")
async def list_all_languages(_: Reader, services: ServicesDep) -> Response:
    every = all_languages(await services.languages.catalog())
    return JSONResponse([{**language.listed(), "is_archived": language.is_archived} for language in every])


@router.get("/languages/{id}")
async def get_language(number: Annotated[str, Path(alias="id")], _: Reader, services: ServicesDep) -> Response:
    is_id = number.isascii() and number.isdecimal() and len(number) <= _LONGEST_ID
    language = find(await services.languages.catalog(), int(number)) if is_id else None
    if language is None:
        raise Problem(Kind.NOT_FOUND, "")
    return JSONResponse(language.described())


@router.get("/statuses")
async def list_statuses(_: Reader) -> Response:
    return JSONResponse([status.shown for status in Status])


@router.post("/authenticate")
async def authenticate(_: Reader) -> Response:
    return Response()


@router.post("/authorize")
async def authorize(_: Admin) -> Response:
    return Response()
