"""The calls of Piston v2: `runtimes`, `execute`, `packages` and the WebSocket `connect`."""

import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import Scope

from api_service.doors.door import Door, PortDep, Sender, Submitter, bearer, sender_of
from api_service.doors.piston.answer import answer_of
from api_service.doors.piston.request import read_job, read_json
from api_service.doors.piston.runtimes import Runtime, package_of, runtimes_of
from api_service.doors.piston.session import InteractiveSession
from api_service.doors.piston.settings import PistonSettings
from api_service.doors.port import Port
from api_service.http.errors import ApiError, Kind, cut
from api_service.limits.holds import ConcurrencyLimit
from api_service.requests.threads import read_parsed
from shared.common.service.settings import load
from shared.records.accounts.scopes import Scope as KeyScope

#: Seconds within which the engine must begin to run a program.
WAIT_SECONDS: Final = 60.0
PATH: Final = "/api/v2"
#: The paths of the public service began with this.
_PUBLIC: Final = f"{PATH}/piston"
#: Interactive jobs that a process runs at once. Each needs two open files.
_MAX_SESSIONS: Final = 32
_JSON: Final = "application/json"
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BAD_REQUEST: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT)
_FIXED: Final = "{} is a part of this server; its operator installs and removes languages on the host."

router = APIRouter(prefix=PATH)


def open_door(_: Port) -> Door:
    """Return this door. Raises `ConfigurationError` for a wrong setting."""
    of_key = _MAX_SESSIONS // 2
    sessions = ConcurrencyLimit(
        _MAX_SESSIONS,
        of_key,
        refusal="Too many interactive jobs run; try again in a moment.",
        refusal_of_key=f"{of_key} interactive jobs of this key run; end one of them, or try again later.",
    )
    return Door(
        [router],
        path_of=_path_of,
        key_of=_key_of,
        render=_message,
        check=_check_type,
        logged=[PATH],
        state={"settings": load(PistonSettings), "sessions": sessions},
    )


def _path_of(scope: Scope) -> str | None:
    path: str = scope["path"]
    if not path.startswith(f"{PATH}/"):
        return None
    path = path.removesuffix("/")
    return PATH + path.removeprefix(_PUBLIC) if path.startswith(f"{_PUBLIC}/") else path


def _key_of(connection: HTTPConnection) -> str:
    """Return the API key of a request. Clients of Piston send it with or without the scheme `Bearer`."""
    return bearer(connection) or connection.headers.get("Authorization", "").strip()


def _message(_: HTTPConnection, error: ApiError) -> JSONResponse:
    """Return the answer of an error: an object that has only `message`."""
    status = error.kind.status
    shown = HTTPStatus.BAD_REQUEST if status in _BAD_REQUEST else status
    return JSONResponse({"message": cut(error.detail)}, shown, error.headers)


def _check_type(request: Request) -> None:
    """Raise `ApiError` for a body that is not JSON. Piston checks that before the path."""
    if request.method not in _WITHOUT_BODY and not request.headers.get("content-type", "").startswith(_JSON):
        raise ApiError(Kind.UNSUPPORTED_TYPE, f"requests must be of type {_JSON}")


async def _runtimes(port: PortDep) -> list[Runtime]:
    return runtimes_of(await port.catalog())


RuntimesDep = Annotated[Sequence[Runtime], Depends(_runtimes)]


@router.get("/runtimes")
async def list_runtimes(_: Sender, runtimes: RuntimesDep) -> JSONResponse:
    return JSONResponse([runtime.as_json() for runtime in runtimes])


@router.post("/execute")
async def execute(principal: Submitter, request: Request, port: PortDep, runtimes: RuntimesDep) -> JSONResponse:
    settings: PistonSettings = request.app.state.settings

    def read(body: bytes) -> tuple[Runtime, bytes]:
        job = read_job(read_json(body), runtimes, settings)
        return job.runtime, job.engine_request(port.settings, settings.output_bytes)

    with port.hold(principal) as place:
        runtime, program = await read_parsed(request, read)
        run = await place.run(request, program, wait_s=WAIT_SECONDS)
    return JSONResponse(answer_of(runtime, run))


@router.websocket("/connect")
async def connect(websocket: WebSocket) -> None:
    port, sessions = websocket.app.state.port, websocket.app.state.sessions
    with contextlib.ExitStack() as held:
        try:
            principal = await sender_of(websocket, KeyScope.SUBMIT)
            held.enter_context(sessions.hold(principal))
            place = held.enter_context(port.hold(principal))
        except ApiError as exc:
            await websocket.send_denial_response(_message(websocket, exc))
            return
        await websocket.accept()
        session = InteractiveSession(websocket, port.settings, websocket.app.state.settings, place)
        await session.serve(await _runtimes(port))


@router.get("/packages")
async def list_packages(_: Sender, runtimes: RuntimesDep) -> JSONResponse:
    packages = dict.fromkeys((runtime.package, runtime.version) for runtime in runtimes)
    return JSONResponse(
        [{"language": name, "language_version": version, "installed": True} for name, version in packages]
    )


@router.post("/packages")
async def install(_: Submitter, request: Request, runtimes: RuntimesDep) -> JSONResponse:
    package_of(read_json(await request.body()), runtimes)
    raise ApiError(Kind.INTERNAL, "Already installed")


@router.delete("/packages")
async def uninstall(_: Submitter, request: Request, runtimes: RuntimesDep) -> JSONResponse:
    package = package_of(read_json(await request.body()), runtimes)
    raise ApiError(Kind.FORBIDDEN, _FIXED.format(package.package))
