"""This front door: its paths, its errors, and the calls that describe the server or only check the sender's tokens."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from api_service.doors.door import Door, Reader
from api_service.doors.judge0 import configuration, submissions
from api_service.doors.judge0.configuration import ConfigurationDep
from api_service.doors.judge0.languages import Judge0Language, languages_of
from api_service.doors.judge0.parameters import Admin, is_on, key_of, read
from api_service.doors.judge0.port import Judge0Port, PortDep
from api_service.doors.judge0.statistics import Statistics, system_info
from api_service.http.errors import ApiError, Kind, cut
from shared.records.judge0.statuses import Status

_PARTS: Final = frozenset(
    {"submissions", "languages", "statuses", "about", "version", "isolate", "license", "config_info", "system_info"}
    | {"workers", "statistics", "authenticate", "authorize"}
)
#: The path of our page, which only browsers open. Judge0's tokens look different.
_PAGE: Final = re.compile(r"/submissions/[0-9]+/?")
_OWN_FIELDS: Final = re.compile(rb"(x-auth-token|x-auth-user|x-rapidapi-key|x-rapidapi-host)$|x-judge0-")

#: The version of Judge0 whose calls we answer. Judge0's SDK chooses the languages by it.
_VERSION = "1.13.1"
_TEXTS: Final = {
    "/version": _VERSION,
    "/isolate": "Programs do not run in isolate, but in the sandbox of Precieux.",
    "/license": "Precieux is free software under the MIT License. It has no code of Judge0.",
}
#: The most digits of an id. It costs time to parse very long numbers.
_MAX_ID = 9

router = APIRouter()


def open_door(port: Judge0Port) -> Door:
    """Return this door. Raises `ConfigurationError` for a `judge0.conf` that is wrong."""
    state = {
        "statistics": Statistics(port.database),
        "configuration": configuration.read(port.settings.judge0_conf),
    }
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    return Door(
        [submissions.router, router],
        path_of=_path_of,
        key_of=key_of,
        render=_refusal,
        own_fields=_OWN_FIELDS,
        keys_are_habit=True,
        middleware=[cors],
        state=state,
    )


def _path_of(scope: Scope) -> str | None:
    """Return the path without slashes at its end; None if it is not Judge0's, or if it is our page."""
    path: str = scope["path"]
    if path.split("/")[1:2] == [] or path.split("/")[1] not in _PARTS:
        return None
    is_page = _PAGE.fullmatch(path) and "text/html" in Headers(scope=scope).get("accept", "")
    return None if is_page else path.rstrip("/")


def _refusal(request: Request, error: ApiError) -> Response:
    """Return the answer of an error: a JSON object with the text in `error`, or an empty body."""
    status = error.kind.status
    if error.kind is Kind.NOT_FOUND:
        if request.headers.get("Accept") == "application/json":
            return JSONResponse({"status": 404, "error": "Not Found"}, HTTPStatus.NOT_FOUND)
        return Response(status_code=status)
    if error.kind is Kind.UNAUTHENTICATED or not error.detail:
        return Response(status_code=status, headers=error.headers)
    return JSONResponse({"error": cut(error.detail)}, status, error.headers)


@router.get("/about")
async def about(_: Reader, port: PortDep) -> Response:
    home = port.public_url
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
async def workers(_: Reader, port: PortDep) -> Response:
    waiting, working, available, failed = await port.workload()
    slots = {"available": available, "idle": max(0, available - working), "working": working}
    return JSONResponse([{"queue": "default", "size": max(0, waiting), **slots, "paused": 0, "failed": failed}])


@router.get("/statistics")
async def get_statistics(request: Request, principal: Reader) -> Response:
    statistics: Statistics = request.app.state.statistics
    recount = is_on(await read(request), "invalidate_cache")
    return JSONResponse(await statistics.read(principal.visible_owner, recount=recount))


async def _languages(_: Reader, port: PortDep) -> Mapping[int, Judge0Language]:
    return languages_of(await port.catalog())


LanguagesDep = Annotated[Mapping[int, Judge0Language], Depends(_languages)]


@router.get("/languages")
async def list_languages(languages: LanguagesDep) -> Response:
    return JSONResponse([language.listed for language in languages.values() if not language.is_archived])


@router.get("/languages/all")
async def list_all_languages(languages: LanguagesDep) -> Response:
    return JSONResponse([{**language.listed, "is_archived": language.is_archived} for language in languages.values()])


@router.get("/languages/{id}")
async def get_language(number: Annotated[str, Path(alias="id")], languages: LanguagesDep) -> Response:
    is_id = number.isascii() and number.isdecimal() and len(number) <= _MAX_ID
    language = languages.get(int(number)) if is_id else None
    if language is None:
        raise ApiError(Kind.NOT_FOUND, "")
    return JSONResponse(language.described)


@router.get("/statuses")
async def list_statuses(_: Reader) -> Response:
    return JSONResponse([status.shown for status in Status])


@router.post("/authenticate")
async def authenticate(_: Reader) -> Response:
    return Response()


@router.post("/authorize")
async def authorize(_: Admin) -> Response:
    return Response()
