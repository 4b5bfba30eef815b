"""The calls of Piston v2: `runtimes`, `execute` and `packages`."""

import contextlib
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import JSONResponse

from api_service.access.auth import Principal
from api_service.doors.door import post
from api_service.doors.piston.access import ReaderDep, RuntimesDep, SettingsDep, SubmitterDep, runtimes_now, submitter
from api_service.doors.piston.answer import RunEnd, answer_of, run_end
from api_service.doors.piston.errors import message
from api_service.doors.piston.job import read_job, read_json
from api_service.doors.piston.program import submission_of
from api_service.doors.piston.runtimes import Runtime, package_of
from api_service.doors.piston.session.session import InteractiveSession
from api_service.doors.piston.settings import PistonSettings
from api_service.http.problems import Kind, Problem
from api_service.services import Services, ServicesDep
from api_service.submissions.cancel import cancel
from api_service.v1.body.receive import body_bytes, release_body
from api_service.v1.protocol.threads import run_in_thread_if_large
from api_service.v1.reads.visibility import owner_of
from api_service.v1.reads.waiting import wait_until_final

router = APIRouter()

#: Seconds for which a request waits for its result.
WAIT_SECONDS: Final = 60.0
_READ: Final = ["GET", "HEAD"]
_FIXED: Final = "{} is a part of this server; its operator installs and removes languages on the host."


@router.api_route("/runtimes", methods=_READ)
async def list_runtimes(_: ReaderDep, runtimes: RuntimesDep) -> JSONResponse:
    return JSONResponse([runtime.as_json() for runtime in runtimes])


@router.post("/execute")
async def execute(
    principal: SubmitterDep, request: Request, services: ServicesDep, runtimes: RuntimesDep, settings: SettingsDep
) -> JSONResponse:
    with services.waits.hold(principal):
        runtime, upload = await _stored(principal, request, services, runtimes, settings)
        release_body(request)
        end = await _ended(services, principal, upload)
    return JSONResponse(answer_of(runtime, end))


async def _stored(
    principal: Principal, request: Request, services: Services, runtimes: Sequence[Runtime], settings: PistonSettings
) -> tuple[Runtime, int]:
    """Store the job of a request, and return its runtime and the submission."""
    with services.body_memory.hold(principal, body_bytes(request, services.settings)):
        body = await request.body()
        job = await run_in_thread_if_large(len(body), lambda: read_job(read_json(body), runtimes, settings))
        new = await run_in_thread_if_large(
            len(body), submission_of, job, services.settings, settings.piston_output_max_size
        )
        return job.runtime, await post(services, principal, new)


async def _ended(services: Services, principal: Principal, upload: int) -> RunEnd:
    """Return how a submission has ended. Raise `Problem` (503) if that takes too long.

    In that case, cancel it, because its sender has no id to ask for it later.
    """
    await wait_until_final(services, principal, upload, WAIT_SECONDS)
    async with services.database.connection() as connection:
        end = await run_end(connection, services.store, upload, owner=owner_of(principal))
    if end is None:
        await cancel(services.database, [upload])
        raise Problem(Kind.UNAVAILABLE, "The job did not end in time; try again in a moment.")
    if end.failure is not None:
        raise Problem(Kind.UNAVAILABLE, f"The job could not be run: {end.failure}")
    return end


@router.websocket("/connect")
async def connect(websocket: WebSocket) -> None:
    state = websocket.app.state
    services, settings = state.services, state.settings
    with contextlib.ExitStack() as held:
        try:
            principal = await submitter(websocket, services)
            held.enter_context(state.sessions.hold(principal))
            held.enter_context(services.waits.hold(principal))
        except Problem as exc:
            await websocket.send_denial_response(message(websocket, exc))
            return
        await websocket.accept()
        await InteractiveSession(websocket, services, settings, principal).serve(await runtimes_now(services))


@router.api_route("/packages", methods=_READ)
async def list_packages(_: ReaderDep, runtimes: RuntimesDep) -> JSONResponse:
    packages = dict.fromkeys((runtime.package, runtime.version) for runtime in runtimes)
    return JSONResponse(
        [{"language": name, "language_version": version, "installed": True} for name, version in packages]
    )


@router.post("/packages")
async def install(_: SubmitterDep, request: Request, runtimes: RuntimesDep) -> JSONResponse:
    package_of(read_json(await request.body()), runtimes)
    raise Problem(Kind.INTERNAL, "Already installed")


@router.delete("/packages")
async def uninstall(_: SubmitterDep, request: Request, runtimes: RuntimesDep) -> JSONResponse:
    package = package_of(read_json(await request.body()), runtimes)
    raise Problem(Kind.FORBIDDEN, _FIXED.format(package.package))
