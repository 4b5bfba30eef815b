"""The calls of Jobe's REST API: `languages`, `runs` and `files`."""

import re
from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import Scope

from api_service.access.principal import Principal
from api_service.doors.door import Door, PortDep, Submitter, bearer
from api_service.doors.jobe.answer import JobeOutcome, answer, answer_of
from api_service.doors.jobe.languages import languages_of
from api_service.doors.jobe.program import OptionRefused, program_of
from api_service.doors.jobe.request import OVERLOAD, RunSpec, invalid, read_file, read_run
from api_service.doors.jobe.settings import JobeSettings
from api_service.doors.port import Place, Port, StoredFile
from api_service.errors import DependencyAway
from api_service.http.errors import ApiError, Kind, cut
from api_service.requests.threads import read_parsed, run_in_thread_if_large
from api_service.transient.ended import EngineFailed
from shared.common.service.errors import ObjectNotFound
from shared.common.service.settings import load

PATH: Final = "/jobe/index.php/restapi"
_OWN_FIELDS: Final = re.compile(rb"(x-api-key|x-coderunner-job-id|x-requested-with)$")
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS, PUT, HEAD",
    "Access-Control-Allow-Headers": "X-API-KEY, Origin, X-Requested-With, Content-Type, Accept,"
    " Access-Control-Request-Method",
}
_ID: Final = re.compile("[A-Za-z0-9]{1,255}")
_MISSING: Final = "One or more of the specified files is missing/unavailable"

router = APIRouter(prefix=PATH)


def open_door(_: Port) -> Door:
    """Return this door. Raises `ConfigurationError` for a wrong setting."""
    return Door(
        [router],
        path_of=_path_of,
        key_of=_key_of,
        render=_refusal,
        own_fields=_OWN_FIELDS,
        keys_are_habit=True,
        needs_engine=True,
        logged=[PATH],
        has_head=True,
        state={"settings": load(JobeSettings)},
    )


def _path_of(scope: Scope) -> str | None:
    path: str = scope["path"].removesuffix("/")
    return path if path == PATH or path.startswith(f"{PATH}/") else None


def _key_of(connection: HTTPConnection) -> str:
    return connection.headers.get("X-API-KEY", "").strip() or bearer(connection)


def _json(content: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(content, status, {**(headers or {}), **_CORS})


def _empty(status: HTTPStatus = HTTPStatus.NO_CONTENT) -> Response:
    return Response(status_code=status, headers=_CORS)


def _refusal(request: Request, error: ApiError) -> Response:
    """Return the answer of an error: a JSON string, or the outcome of an overload."""
    if error.kind is Kind.UNAUTHENTICATED:
        text = "Unknown API key" if _key_of(request) else "Missing API key"
        return _json(text, HTTPStatus.FORBIDDEN)
    if isinstance(error, (EngineFailed, DependencyAway)):  # no overload: it is our own failure
        return _json(error.detail, HTTPStatus.INTERNAL_SERVER_ERROR)
    is_run = request.method == HTTPMethod.POST and _path_of(request.scope) == f"{PATH}/runs"
    if is_run and error.kind in (Kind.UNAVAILABLE, Kind.TOO_MANY):
        return _json(answer(JobeOutcome.OVERLOAD))
    status = error.kind.status
    understood = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in understood:
        status = HTTPStatus.BAD_REQUEST
    return _json(cut(error.detail), status, error.headers)


async def _file_id(id_: Annotated[str, Path(alias="id")]) -> str:
    if not _ID.fullmatch(id_):
        raise ApiError(Kind.NOT_FOUND, "Not Found")
    return id_


FileId = Annotated[str, Depends(_file_id)]


@router.options("/{path:path}")
async def preflight() -> Response:
    return _empty()


@router.get("/languages")
async def list_languages(_: Submitter, port: PortDep) -> Response:
    languages = languages_of(await port.catalog())
    return _json([[language.id, language.version] for language in languages.values()])


@router.put("/files/{id}")
async def store_file(principal: Submitter, id_: FileId, request: Request, port: PortDep) -> Response:
    data = await read_parsed(request, read_file, id_, port.settings.max_source_bytes)
    await port.put_file(principal, id_, data, max_bytes=request.app.state.settings.jobe_files_bytes)
    return _empty()


@router.head("/files/{id}")
async def find_file(principal: Submitter, id_: FileId, port: PortDep) -> Response:
    files = await port.find_files(principal, [id_])
    return _empty(HTTPStatus.NO_CONTENT if files else HTTPStatus.NOT_FOUND)


@router.post("/runs")
async def run(principal: Submitter, request: Request, port: PortDep) -> Response:
    languages = languages_of(await port.catalog())
    settings: JobeSettings = request.app.state.settings
    with port.hold(principal) as place:
        spec = await read_parsed(request, read_run, languages, port.settings.max_input_bytes, settings.jobe_max_cputime)
        files = await _found(spec, principal, port)
        if spec.source == OVERLOAD:
            return _json(answer(JobeOutcome.OVERLOAD))
        try:
            program = await _engine_request(spec, files, place)
        except ObjectNotFound:
            raise ApiError(Kind.NOT_FOUND, _MISSING) from None
        except OptionRefused as exc:
            return _json(answer(JobeOutcome.COMPILE_ERROR, cmpinfo=str(exc)))
        ran = await place.run(request, program, wait_s=settings.jobe_wait_seconds)
    return _json(answer_of(spec, ran.compiled, ran.ended))


async def _engine_request(spec: RunSpec, files: Mapping[str, StoredFile], place: Place) -> bytes:
    """Return the engine's request of a run. Raises `ObjectNotFound` or `OptionRefused`."""
    size = sum(file.size_bytes for file in files.values())
    with place.memory(size):
        program = program_of(spec, {name: await file.read() for name, file in files.items()})
        size += len(spec.source) + len(spec.stdin)
        return await run_in_thread_if_large(size, program.engine_request, spec.stdin)


async def _found(spec: RunSpec, principal: Principal, port: Port) -> dict[str, StoredFile]:
    """Return the files of a run by their names. Raises `ApiError` if one is missing (404), or if all are too large."""
    ids = set(spec.files.values())
    by_id = await port.find_files(principal, ids) if ids else {}
    if len(by_id) < len(ids):
        raise ApiError(Kind.NOT_FOUND, _MISSING)
    files = {name: by_id[id_] for name, id_ in spec.files.items()}
    max_bytes = port.settings.max_source_bytes
    if len(spec.source.encode()) + sum(file.size_bytes for file in files.values()) > max_bytes:
        raise invalid(f"sourcecode and the files of file_list may have at most {max_bytes} bytes together")
    return files
