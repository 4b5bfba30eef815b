"""The languages and the statuses."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api_service.doors.judge0.access import Reader
from api_service.doors.judge0.languages import all_languages, find, languages
from api_service.http.problems import Kind, Problem
from api_service.services import ServicesDep
from shared.judge0.fields import status
from shared.judge0.statuses import Status

router = APIRouter()

#: The most digits of an id. It costs time to parse very long numbers.
_LONGEST_ID = 9


@router.get("/languages")
async def list_languages(_: Reader, services: ServicesDep) -> Response:
    return JSONResponse([language.listed() for language in languages(await services.languages.catalog())])


@router.get("/languages/all")
async def list_all_languages(_: Reader, services: ServicesDep) -> Response:
    found = all_languages(await services.languages.catalog())
    return JSONResponse([{**language.listed(), "is_archived": language.is_archived} for language in found])


@router.get("/languages/{id}")
async def get_language(id: str, _: Reader, services: ServicesDep) -> Response:
    if not (id.isascii() and id.isdecimal() and len(id) <= _LONGEST_ID):
        raise Problem(Kind.NOT_FOUND, "")
    language = find(await services.languages.catalog(), int(id))
    if language is None:
        raise Problem(Kind.NOT_FOUND, "")
    return JSONResponse(language.described())


@router.get("/statuses")
async def list_statuses(_: Reader) -> Response:
    return JSONResponse([status(number) for number in Status])
