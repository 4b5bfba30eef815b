"""The HTTP face: CodeX's `POST /` and `GET /list`, and `GET /healthz`. Everything is composed by `__main__`."""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from executor import limits, wire
from executor.catalogue import Installed
from executor.local_only import LocalOnly
from executor.pipeline import Outcome, Pipeline
from executor.sandbox.base import SandboxFailure
from executor.settings import ExecutorSettings
from executor.slots import Full, Slots
from shared.codex import SHARE_HEADER, LanguageList, RunRequest, RunResponse, Verdict
from shared.http_bodies import FREE_BYTES, BodyLimits, BoundedBodies, ByteBudget
from shared.languages import check_lang
from shared.logging import get_logger

log = get_logger(__name__)

_CLIENT_GONE = 499  # nobody reads it; nginx's number for the access log
_RETRY_AFTER_S = 1
_LONGEST_SHARE = 64
#: Seconds until what need not be done before the answer is sent and received.
_AFTER_ANSWER_S = 0.002

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def create_app(
    settings: ExecutorSettings, pipeline: Pipeline, slots: Slots, installed: dict[str, Installed]
) -> Starlette:
    endpoint = _Endpoint(settings, pipeline, slots, installed)
    return Starlette(
        routes=[
            Route("/", endpoint.run, methods=["POST"]),
            Route("/list", endpoint.languages),
            Route("/healthz", endpoint.health),
        ],
        middleware=list(_middleware(settings)),
    )


def _middleware(settings: ExecutorSettings) -> Iterator[Middleware]:
    """Return the middleware, the outermost first."""
    origins = settings.cors_origins
    if origins:
        yield Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
    if settings.codex_token is None:
        yield Middleware(LocalOnly, origins=origins, refuse=_refuse)
    bounds, budget = BodyLimits(settings.max_body_bytes), ByteBudget(settings.max_bodies_bytes)
    yield Middleware(BoundedBodies, limits=bounds, budget=budget, refuse=_refuse)


class _Endpoint:
    def __init__(
        self, settings: ExecutorSettings, pipeline: Pipeline, slots: Slots, installed: dict[str, Installed]
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._slots = slots
        self._installed = installed

    async def health(self, request: Request) -> Response:
        return Response('{"status":"ok"}', media_type="application/json")

    async def languages(self, request: Request) -> Response:
        if refused := self._unauthorized(request):
            return refused
        return _json(wire.language_list(self._installed, self._settings.default_memory_limit))

    async def run(self, request: Request) -> Response:
        if refused := self._unauthorized(request):
            return refused
        share = request.headers.get(SHARE_HEADER, "")[:_LONGEST_SHARE]
        try:
            self._slots.check(share)  # before the body is read
            asked = await self._read(request)
            installed = self._check(asked)
            return await _unless_gone(request, self._run(asked, installed, share))
        except wire.BadRequest as exc:
            return _json(wire.refusal(exc.status, exc.error, exc.language))
        except HTTPException as exc:  # Starlette's word on a form that is none
            return _json(wire.refusal(exc.status_code, f"The form cannot be read: {exc.detail}"))
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        except Full:
            full = wire.refusal(HTTPStatus.SERVICE_UNAVAILABLE, "All slots are taken; try again in a moment.")
            return _json(full, {"Retry-After": str(_RETRY_AFTER_S)})
        except SandboxFailure as exc:
            log.error("run.failed", reason=str(exc))
            status, error = HTTPStatus.INTERNAL_SERVER_ERROR, "The sandbox failed; this is not the program's fault."
            return _json(wire.refusal(status, error, verdict=Verdict.INTERNAL_ERROR))

    async def _run(self, asked: RunRequest, installed: Installed, share: str) -> Response:
        async with contextlib.AsyncExitStack() as held:
            await held.enter_async_context(self._slots.take(share))
            outcome = await self._pipeline.run(asked, installed)
            asyncio.get_running_loop().call_later(_AFTER_ANSWER_S, _log, outcome, installed)
            commands = installed.commands(installed.names_for(asked), limits.memory_of(asked, self._settings))
            answer = wire.answer(outcome, installed, commands)
            content = _encode(answer)
            # A large answer keeps its slot until it is sent, so there are never more of them than slots.
            return _Answer(content, answer.status, held.pop_all() if len(content) > FREE_BYTES else None)

    async def _read(self, request: Request) -> RunRequest:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            async with request.form(max_files=10, max_fields=20, max_part_size=self._settings.max_body_bytes) as form:
                fields = {
                    name: (await value.read()).decode("utf-8", "replace") if isinstance(value, UploadFile) else value
                    for name, value in form.items()
                }
            return wire.parse_form(fields)
        body = bytearray()  # `request.body()` would keep a second copy until the answer
        async for chunk in request.stream():
            body += chunk
        if kind != "application/x-www-form-urlencoded":
            return wire.parse_json(body)
        if len(body) <= FREE_BYTES:
            return wire.parse_urlencoded(body)
        # A loop in Python, which takes more than 100 ms for a MiB: other requests are served meanwhile.
        return await asyncio.to_thread(wire.parse_urlencoded, body)

    def _check(self, asked: RunRequest) -> Installed:
        for text, name, largest in (
            (asked.code, "code", self._settings.max_source_bytes),
            (asked.input, "input", self._settings.max_input_bytes),
        ):
            if len(text) > largest or len(text.encode()) > largest:
                raise wire.BadRequest(f"`{name}` is over {largest} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not asked.code.strip():
            raise wire.BadRequest("No code to run: `code` is empty.", language=asked.language)
        installed = self._installed.get(check_lang(asked.language) or "")
        if installed is None:
            known = ", ".join(self._installed)
            raise wire.BadRequest(
                f"Unknown language {asked.language[:40]!r}; `language` must be one of: {known}.",
                language=asked.language[:40],
            )
        return installed

    def _unauthorized(self, request: Request) -> Response | None:
        token = self._settings.codex_token
        if token is None:
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        expected = token.get_secret_value()
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected.encode()):
            return None
        refused = wire.refusal(HTTPStatus.UNAUTHORIZED, "`Authorization: Bearer` with the engine's token is needed.")
        return _json(refused, {"WWW-Authenticate": "Bearer"})


class _Answer(Response):
    """A response that is sent in pieces, each after the client took the one before. `held` is released at the end."""

    def __init__(self, content: bytes, status: int, held: contextlib.AsyncExitStack | None) -> None:
        super().__init__(content, status, media_type="application/json")
        self._held = held or contextlib.AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            last = max(len(self.body) - 1, 0) // FREE_BYTES * FREE_BYTES
            for start in range(0, last, FREE_BYTES):
                piece = self.body[start : start + FREE_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": self.body[last:]})


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """The work's result; when the client hangs up first, the work is cancelled and `ClientDisconnect` raised."""
    working = asyncio.current_task()
    assert working
    leaving = asyncio.create_task(_await_leave(request.receive, working))
    try:
        return await work
    except asyncio.CancelledError:
        if not leaving.done() or working.uncancel() > 0:
            raise
        raise ClientDisconnect from None
    finally:
        leaving.cancel()


async def _await_leave(receive: Callable[[], Awaitable[Any]], working: asyncio.Task[Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    working.cancel()


def _log(outcome: Outcome, installed: Installed) -> None:
    log.debug("run.ended", language=installed.language.code, verdict=outcome.verdict, wall_s=outcome.wall_s)


def _refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> Response:
    return _json(wire.refusal(status, sentence), headers)


def _json(model: RunResponse | LanguageList, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_encode(model), model.status, headers, media_type="application/json")


def _encode(model: RunResponse | LanguageList) -> bytes:
    return model.model_dump_json(by_alias=True).encode()
