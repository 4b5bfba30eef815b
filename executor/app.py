"""The HTTP server: CodeX's `POST /` and `GET /list`, our `POST /run` and `/converse`, `GET /healthz`, `GET /metrics`.

`__main__` composes it.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from executor import wire
from executor.catalogue.installed import Installed
from executor.local_only import LocalOnly
from executor.pipeline.conversation import ProgramConversation, close, conversation_failed, receive
from executor.pipeline.live_output import LiveEvents
from executor.pipeline.plan import plan_program
from executor.pipeline.run import Pipeline
from executor.request_checks import RequestChecks
from executor.responses import STOPPING, EventStream, PacedAnswer
from executor.runs import Runs, Stopping
from executor.sandbox.base import SandboxFailure
from executor.settings import ExecutorSettings
from executor.signs_of_life import metrics_text, with_load, with_signs_of_life
from executor.slots import Full, Slots, Turns
from executor.unit_tests.run import UnitTester
from shared.common.http.bodies import FREE_BYTES, BodyLimits, BoundedBodies, ByteBudget
from shared.common.http.disconnect import cancel_if_gone
from shared.common.service.logging import get_logger
from shared.engine_api.codex import ALIVE_HEADER, SHARE_HEADER, LanguageList, RunRequest, RunResponse, Verdict
from shared.engine_api.run_call.events import AnyEvent, Failed, Finished, Missing
from shared.engine_api.run_call.request import ProgramRequest

log = get_logger(__name__)

_CLIENT_GONE = 499  # nginx's status for a client that has disconnected; it is never sent
_RETRY_AFTER_S = 1
_MAX_SHARE = 64
#: Seconds within which the first message of a conversation must come.
_REQUEST_S = 10
#: Seconds within which the data of a test must come.
_UPLOAD_S = 300
_FULL = "All slots are taken. Try again in a moment."
_NOT_STORED = "The engine cannot store the data: its disk is full, or fails."
_SANDBOX_FAILED = "The sandbox failed. The program is not at fault."


def create_app(
    settings: ExecutorSettings,
    pipeline: Pipeline,
    slots: Slots,
    installed: dict[str, Installed],
    runs: Runs | None = None,
    tester: UnitTester | None = None,
) -> Starlette:
    checks = RequestChecks(settings, installed, has_tester=tester is not None)
    endpoint = _Endpoint(settings, pipeline, slots, installed, runs or Runs(), tester, checks)
    return Starlette(
        routes=[
            Route("/", endpoint.run, methods=["POST"]),
            Route("/run", endpoint.run_program, methods=["POST"]),
            WebSocketRoute("/converse", endpoint.converse),
            Route("/test-data/{sha256}", endpoint.keep_test_data, methods=["PUT"]),
            Route("/list", endpoint.languages),
            Route("/metrics", endpoint.metrics),
            Route("/healthz", endpoint.health),
        ],
        middleware=[Middleware(with_load, slots=slots, runs=endpoint._runs), *_middleware(settings)],
    )


def _middleware(settings: ExecutorSettings) -> Iterator[Middleware]:
    """Return the middleware, the outermost first."""
    origins = settings.cors_origins
    if origins:
        yield Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
    if settings.codex_token is None:
        yield Middleware(LocalOnly, origins=origins, refuse=_refuse)
    bounds, budget = BodyLimits(settings.max_body_bytes), ByteBudget(settings.max_bodies_bytes)
    uploads = (_is_upload, BodyLimits(settings.max_test_bytes, whole_s=_UPLOAD_S))
    yield Middleware(BoundedBodies, limits=bounds, budget=budget, refuse=_refuse, uploads=uploads)


def _is_upload(scope: Scope) -> bool:
    """Return True if the body goes to the disk."""
    return bool(scope["method"] == "PUT")


@dataclass(frozen=True)
class _Endpoint:
    _settings: ExecutorSettings
    _pipeline: Pipeline
    _slots: Slots
    _installed: dict[str, Installed]
    _runs: Runs
    _tester: UnitTester | None
    _checks: RequestChecks

    async def health(self, request: Request) -> Response:
        if self._runs.is_stopping:
            return Response('{"status":"stopping"}', HTTPStatus.SERVICE_UNAVAILABLE, media_type="application/json")
        return Response('{"status":"ok"}', media_type="application/json")

    async def languages(self, request: Request) -> Response:
        if refused := self._unauthorized(request):
            return refused
        return _json(wire.language_list(self._installed, self._settings))

    async def metrics(self, request: Request) -> Response:
        return self._unauthorized(request) or Response(metrics_text(self._slots, self._runs), media_type="text/plain")

    async def run(self, request: Request) -> Response:
        """Answer CodeX's `POST /`."""
        return await self._serve(request, self._run)

    async def run_program(self, request: Request) -> Response:
        """Answer `POST /run` (`shared.engine_api.run_call`)."""
        return await self._serve(request, self._run_program)

    async def keep_test_data(self, request: Request) -> Response:
        """Keep the input or the answer of a test, which later runs name by its SHA-256."""
        if refused := self._unauthorized(request):
            return refused
        try:
            is_kept = await self._pipeline.test_data.store(request.path_params["sha256"], request.stream())
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        except OSError as exc:
            log.error("test_data.not_kept", reason=str(exc))
            return _json(wire.refusal(HTTPStatus.INSUFFICIENT_STORAGE, _NOT_STORED))
        if not is_kept:
            return _json(wire.refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "The body has another SHA-256."))
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def converse(self, websocket: WebSocket) -> None:
        """Hold a conversation: a user types while the program runs. The first message is the request."""
        share = websocket.headers.get(SHARE_HEADER, "")[:_MAX_SHARE]
        if refused := self._unauthorized(websocket):
            await websocket.send_denial_response(refused)
            return
        await websocket.accept()
        try:
            async with asyncio.timeout(_REQUEST_S):
                message = await receive(websocket)
            request = wire.parse_program(message.encode() if isinstance(message, str) else message)
            installed = self._checks.program(request)
            self._refuse_if_stopping()
            conversation = ProgramConversation(websocket, self._settings)
            async with self._runs.under_way():
                await conversation.hold(self._conversation(conversation, request, installed, share))
        except _REASONS as exc:
            await conversation_failed(websocket, _refusal(exc).error)
        except (TimeoutError, WebSocketDisconnect):
            await close(websocket)

    async def _conversation(
        self, conversation: ProgramConversation, request: ProgramRequest, installed: Installed, share: str
    ) -> None:
        memory_bytes = plan_program(request, installed, self._settings).memory_bytes
        async with self._slots.take(share, memory_bytes) as turn:
            await conversation.run(self._pipeline, request, installed, turn)

    async def _serve(self, request: Request, work: Callable[[Request, str], Coroutine[Any, Any, Response]]) -> Response:
        """Return the work's response, or the refusal that it raises. The work gets the request and its share."""
        if refused := self._unauthorized(request):
            return refused
        share = request.headers.get(SHARE_HEADER, "")[:_MAX_SHARE]
        try:
            self._refuse_if_stopping()
            self._slots.check(share)  # before the body is read
            async with self._runs.under_way():
                return await work(request, share)
        except _REASONS as exc:
            return _json(_refusal(exc))
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)

    def _refuse_if_stopping(self) -> None:
        if self._runs.is_stopping:
            raise Stopping

    async def _run(self, request: Request, share: str) -> Response:
        run_request = await self._read(request)
        installed = self._checks.run_request(run_request)
        return await cancel_if_gone(request.receive, self._answer(run_request, installed, share))

    async def _answer(self, run_request: RunRequest, installed: Installed, share: str) -> Response:
        async with contextlib.AsyncExitStack() as held:
            memory_bytes = self._pipeline.memory_of(run_request, installed)
            try:
                async with asyncio.timeout(self._settings.codex_timeout / 2):
                    turn = await held.enter_async_context(self._slots.take(share, memory_bytes))
            except TimeoutError:
                raise Full from None
            answer = await self._pipeline.run(run_request, installed, turn)
            log.debug("run.ended", language=answer.language, verdict=answer.verdict, wall_s=answer.wall_s)
            content = _encode(answer)
            # A large answer keeps its slot until it is sent, so there are never more of them than slots.
            return PacedAnswer(content, answer.status, held.pop_all() if len(content) > FREE_BYTES else None)

    async def _run_program(self, request: Request, share: str) -> Response:
        alive_s = wire.alive_seconds(request.headers.get(ALIVE_HEADER))
        program_request = wire.parse_program(await _body(request))
        installed = self._checks.program(program_request)
        return await cancel_if_gone(request.receive, self._begin(program_request, installed, share, alive_s))

    async def _begin(self, request: ProgramRequest, installed: Installed, share: str, alive_s: int) -> Response:
        """Return the response that runs the program: with `alive_s` at once. If data is missing, it says so."""
        async with contextlib.AsyncExitStack() as held:
            if request.digests:
                held.enter_context(self._pipeline.test_data.hold(request.digests))
                if missing := self._pipeline.test_data.missing(request.digests):
                    lines = wire.line(Missing(digests=missing)) + wire.line(Finished())
                    return Response(lines, media_type="application/x-ndjson")
            running = self._lines(request, installed, turns := self._slots.request(share))
            await held.enter_async_context(contextlib.aclosing(running))
            if alive_s:
                running = await held.enter_async_context(with_signs_of_life(running, turns, alive_s))
            first = await anext(running)  # when it has begun
            return EventStream(first, running, held.pop_all(), self._runs)

    async def _lines(self, request: ProgramRequest, installed: Installed, turns: Turns) -> AsyncGenerator[bytes]:
        live = LiveEvents() if request.live_output else None
        try:
            running: AsyncGenerator[AnyEvent] = (
                self._tester.run(request, installed, turns)
                if self._tester and request.unit_tests
                else self._pipeline.run_tests(
                    request, installed, turns, self._checks.language, live.write if live else None
                )
            )
            async with contextlib.aclosing(live.beside(running) if live else running) as events:
                async for event in events:
                    yield wire.line(event)
        except SandboxFailure as exc:
            log.error("run.failed", reason=str(exc))
            yield wire.line(Failed(error=_SANDBOX_FAILED))
        else:
            log.debug("run.ended", language=installed.code)
            yield wire.line(Finished())

    async def _read(self, request: Request) -> RunRequest:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            async with request.form(max_files=10, max_fields=20, max_part_size=self._settings.max_body_bytes) as form:
                fields = {
                    name: (await value.read()).decode("utf-8", "replace") if isinstance(value, UploadFile) else value
                    for name, value in form.items()
                }
            return wire.parse_form(fields)
        body = await _body(request)
        if kind != "application/x-www-form-urlencoded":
            return wire.parse_json(body)
        if len(body) <= FREE_BYTES:
            return wire.parse_urlencoded(body)
        # In a thread, because it takes more than 100 ms for a MiB, and other requests must not wait.
        return await asyncio.to_thread(wire.parse_urlencoded, body)

    def _unauthorized(self, request: HTTPConnection) -> Response | None:
        token = self._settings.codex_token
        if token is None:
            return None
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        expected = token.get_secret_value()
        if scheme.lower() == "bearer" and hmac.compare_digest(credentials.strip().encode(), expected.encode()):
            return None
        refused = wire.refusal(
            HTTPStatus.UNAUTHORIZED,
            "The header `Authorization: Bearer TOKEN` with the engine's token is missing or wrong.",
        )
        return _json(refused, {"WWW-Authenticate": "Bearer"})


async def _body(request: Request) -> bytearray:
    body = bytearray()  # `request.body()` would keep a second copy until the answer
    async for chunk in request.stream():
        body += chunk
    return body


#: Why a request does not run. An `HTTPException` says that Starlette could not parse the form.
_REASONS: Final = (wire.BadRequest, HTTPException, Full, Stopping, SandboxFailure)


def _refusal(reason: Exception) -> RunResponse:
    match reason:
        case wire.BadRequest():
            return wire.refusal(reason.status, reason.error, reason.language)
        case HTTPException():
            return wire.refusal(reason.status_code, f"The form cannot be read: {reason.detail}")
        case Full():
            return wire.refusal(HTTPStatus.SERVICE_UNAVAILABLE, _FULL)
        case Stopping():
            return wire.refusal(HTTPStatus.SERVICE_UNAVAILABLE, STOPPING)
    log.error("run.failed", reason=str(reason))
    return wire.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, _SANDBOX_FAILED, verdict=Verdict.INTERNAL_ERROR)


def _refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> Response:
    return _json(wire.refusal(status, sentence), headers)


def _json(model: RunResponse | LanguageList, headers: Mapping[str, str] | None = None) -> Response:
    later = {"Retry-After": str(_RETRY_AFTER_S)} if model.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(_encode(model), model.status, {**later, **(headers or {})}, media_type="application/json")


def _encode(model: RunResponse | LanguageList) -> bytes:
    return model.model_dump_json(by_alias=True).encode()
