"""This front door: its paths and errors, and the calls `run_code`, `run_jupyter` and `ping`."""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json
from starlette.requests import HTTPConnection
from starlette.types import Scope

from api_service.access.principal import Principal
from api_service.doors.door import Door, PortDep, Submitter, bearer
from api_service.doors.port import Place, Port
from api_service.doors.sandboxfusion.answer import NO_CELLS, NO_STAGES, code_answer, failure, notebook_answer
from api_service.doors.sandboxfusion.program import FusionProgram, code_program, notebook_program
from api_service.doors.sandboxfusion.request import NotRunnable, Unreadable
from api_service.doors.sandboxfusion.settings import SandboxFusionSettings
from api_service.http.errors import ApiError, Kind, cut
from api_service.languages.catalog import LanguageCatalog
from api_service.requests.threads import read_parsed
from api_service.transient.ended import EndedRun, EngineFailed
from shared.common.http.disconnect import cancel_if_gone
from shared.common.service.settings import load

_PREFIX: Final = "/sandboxfusion"
#: What stands for the key in a path, so that no log and no metric has it.
_NO_KEY: Final = f"{_PREFIX}/-"
_PATHS: Final = frozenset(
    {"/run_code", "/run_jupyter", "/v1/ping", "/submit", "/get_prompts", "/get_prompt_by_id", "/list_datasets"}
    | {"/list_ids", "/get_metrics", "/get_metrics_function"}
)
#: Seconds for which a request waits for its slot. verl waits 10 s longer than its time limits.
_WAIT_SECONDS: Final = 8.0
#: Refusals that a client may send again: verl repeats only 504.
_LATER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

router = APIRouter()


def open_door(_: Port) -> Door:
    """Return this door. Raises `ConfigurationError` for a wrong setting."""
    return Door(
        [router],
        path_of=_path_of,
        key_of=_key_of,
        render=_detail,
        logged=[_PREFIX, "/run_code", "/run_jupyter"],
        state={"settings": load(SandboxFusionSettings)},
        needs_engine=True,
        waits_for_memory=True,
        tells_methods=True,
    )


def _path_of(scope: Scope) -> str | None:
    """Return the path without a slash at its end, and with `-` in place of a key; None if it is not of this door."""
    path: str = scope["path"].rstrip("/")
    if path in _PATHS:
        return path
    if not path.startswith(f"{_PREFIX}/"):
        return None
    _, slash, call = path.removeprefix(f"{_PREFIX}/").partition("/")
    return f"{_NO_KEY}{slash}{call}"


def _key_of(connection: HTTPConnection) -> str:
    if key := bearer(connection):
        return key
    path = unquote_to_bytes(connection.scope["raw_path"]).decode(errors="replace")
    return path.removeprefix(f"{_PREFIX}/").partition("/")[0] if path.startswith(f"{_PREFIX}/") else ""


def _json(content: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    # What a 422 repeats may be infinite.
    return Response(to_json(content, inf_nan_mode="null"), status, headers, "application/json")


def _detail(_: HTTPConnection, error: ApiError) -> Response:
    """Return the answer of an error, as FastAPI makes it. What may be sent again later is 504."""
    status = error.kind.status
    if status in _LATER:
        return _json({"detail": cut(error.detail)}, HTTPStatus.GATEWAY_TIMEOUT)
    detail = error.found if isinstance(error, Unreadable) else cut(error.detail)
    return _json({"detail": detail}, status, error.headers)


@router.post("/run_code")
@router.post(f"{_NO_KEY}/run_code")
async def run_code(principal: Submitter, request: Request, port: PortDep) -> Response:
    return await _answer(principal, request, port, code_program, code_answer, NO_STAGES)


@router.post("/run_jupyter")
@router.post(f"{_NO_KEY}/run_jupyter")
async def run_jupyter(principal: Submitter, request: Request, port: PortDep) -> Response:
    return await _answer(principal, request, port, notebook_program, notebook_answer, NO_CELLS)


@router.get("/v1/ping")
@router.get(f"{_NO_KEY}/v1/ping")
async def ping() -> Response:
    return _json("pong")


async def _answer(
    principal: Principal,
    request: Request,
    port: Port,
    program_of: Callable[[bytes, LanguageCatalog, int | None], FusionProgram],
    answer_of: Callable[[EndedRun, FusionProgram], dict[str, Any]],
    nothing: Mapping[str, Any],
) -> Response:
    """Run the program of a request, and return the answer. `nothing` is that of a request that no repeat can mend."""
    settings: SandboxFusionSettings = request.app.state.settings
    wait_s, memory_mb = settings.sandboxfusion_wait_seconds, settings.sandboxfusion_memory_mb
    deadline = time.monotonic() + (wait_s or _WAIT_SECONDS)
    with port.hold(principal) as place:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await request.body()
        except TimeoutError:
            raise ApiError(Kind.UNAVAILABLE, "The body did not come in time; try again in a moment.") from None
        try:
            program = await read_parsed(request, program_of, await port.catalog(), memory_mb)
            deadline += 0.0 if wait_s else program.spare_s
            return _json(answer_of(await run_within(place, request, program, deadline), program))
        except NotRunnable as exc:
            return _json(failure(str(exc), nothing))


async def run_within(place: Place, request: Request, program: FusionProgram, deadline: float) -> EndedRun:
    """Return how the program ran. A key without run time waits for more. Raises `NotRunnable`, or `ApiError`."""
    while True:
        try:
            return await place.run(request, program.request, wait_s=deadline - time.monotonic())
        except ApiError as exc:
            if exc.kind is Kind.INVALID or isinstance(exc, EngineFailed):
                raise NotRunnable(exc.detail) from exc
            left_s = deadline - time.monotonic()
            if exc.kind is not Kind.QUOTA_EXCEEDED or left_s <= 0:
                raise
            pause_s = min(left_s, float(exc.headers["Retry-After"]))
        await cancel_if_gone(request.receive, asyncio.sleep(pause_s))
