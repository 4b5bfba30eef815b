"""Turns exceptions into `ApiError`s, and these into answers.

API v1 answers with documents (RFC 9457) whose `type` leads to the page of problems, and which list all faults. The
documents of the classic calls have neither. The original system's own errors keep their body, which has only `detail`.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from http import HTTPMethod, HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api_service.access.principal import BEARER
from api_service.http.errors import MEDIA_TYPE, REQUEST_ID, REQUEST_ID_FIELD, ApiError, Fault, Kind, cut
from api_service.http.sentences import sentence
from shared.common.service.errors import TransientError
from shared.common.service.logging import get_logger

log = get_logger(__name__)

Render = Callable[[Request, ApiError], Response]
#: Returns the `ApiError` of an error of the framework, such as a path without a route.
OfHttp = Callable[[Request, HTTPException], Awaitable[ApiError]]

WITHOUT_KEY: Final = frozenset({"/v1/mailgun/events"})
_CLIENT_GONE: Final = 499  # as nginx logs a client that has closed the connection
#: The characters of all faults of an answer.
_MAX_CHARACTERS: Final = 96 << 10
_CRASHED: Final = (
    "This server failed, and has logged the error. Try again in a moment; if it fails again, inform the operator."
)
_CRASHED_V1: Final = (
    "This server failed, and has logged the error; try again in a moment, or give the operator the value of"
    " X-Request-Id."
)
_NO_MEMORY: Final = "This server has too little memory for this request now; try again in a few seconds, or send less."
_UNAVAILABLE: Final = "A dependency is temporarily unavailable and nothing was stored; try again in a few seconds."
_NOT_FOUND: Final = "There is nothing at this path; GET /docs describes the calls."
_NOT_FOUND_V1: Final = "There is nothing at this path for this key; check the path and the ids in it."


class DependencyAway(ApiError):
    """The database or the object store does not answer (503)."""


def is_v1(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


async def error_of(request: Request, exc: Exception, of_http: OfHttp | None = None) -> ApiError:
    """Return the `ApiError` of an exception, and log what no client has caused."""
    path = request.url.path
    match exc:
        case ApiError():
            return exc
        case RequestValidationError() if is_v1(path):
            # API v1 reads bodies and queries itself, so the fault is in an id of the path.
            return ApiError(Kind.NOT_FOUND, _NOT_FOUND_V1)
        case RequestValidationError():
            return _invalid(exc)
        case HTTPException():
            try:
                return await (of_http or _of_http)(request, exc)
            except (ApiError, TransientError) as error:
                return await error_of(request, error)
        case TransientError():
            log.warning("request.unavailable", path=path, error=str(exc))
            return DependencyAway(Kind.UNAVAILABLE, _UNAVAILABLE)
        case MemoryError():
            log.warning("request.out_of_memory", path=path)
            return ApiError(Kind.UNAVAILABLE, _NO_MEMORY)
        case _:
            log.error("request.crashed", path=path, exc_info=exc)
            return ApiError(Kind.INTERNAL, _CRASHED_V1 if is_v1(path) else _CRASHED)


def make_app(render: Render, of_http: OfHttp | None = None, **options: Any) -> FastAPI:
    """Return an application without documents, which answers every exception with what `render` makes of it."""
    app = FastAPI(
        # `TrailingSlash` accepts both spellings of a path.
        redirect_slashes=False,
        # FastAPI's own pages load scripts from a CDN, and its document lacks this server's limits: see `routes.docs`.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # Spans would contain query strings: addresses, inputs, signatures of links. Logs would contain bodies.
        telemetry={"tracing": False, "operation_spans": False, "logs": False},
        **options,
    )

    async def answer(request: Request, exc: Exception) -> Response:
        response = render(request, await error_of(request, exc, of_http))
        if REQUEST_ID in request.scope:
            # The answer to a crash is made outside of the middleware that does this.
            response.headers[REQUEST_ID_FIELD] = request.scope[REQUEST_ID]
        return response

    for kind in (ApiError, RequestValidationError, HTTPException, TransientError, MemoryError, Exception):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


def document(request: Request, error: ApiError) -> Response:
    """Return a problem document, in the form of the API that the path belongs to."""
    status = error.kind.status
    if is_v1(request.url.path):
        return v1_document(error, request.app.state.services.signer.public_url)
    return JSONResponse(
        {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": cut(error.detail)},
        status_code=status,
        headers=error.headers,
        media_type=MEDIA_TYPE,
    )


def v1_document(error: ApiError, public_url: str) -> Response:
    kind = error.kind
    content: dict[str, object] = {
        "type": kind.url(public_url),
        "title": kind.title,
        "status": kind.status.value,
        "detail": cut(error.detail),
    }
    if faults := error.faults or ([Fault(error.detail, pointer="")] if kind is Kind.INVALID else ()):
        content["errors"] = list(_that_fit(faults))
    if error.policies:
        content["violated-policies"] = error.policies
    headers = {"Cache-Control": "private, no-cache", **error.headers}
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(body, kind.status, headers, MEDIA_TYPE)


def _that_fit(faults: Iterable[Fault]) -> Iterator[dict[str, str]]:
    """Yield the faults as JSON, until there are many characters."""
    room = _MAX_CHARACTERS
    for fault in faults:
        shown = fault.as_json()
        room -= sum(map(len, shown.values()))
        if room < 0:
            return
        yield shown


def _invalid(exc: RequestValidationError) -> ApiError:
    first = exc.errors()[0]
    # A location is the part of the request, the parameter's name and perhaps the name of a pydantic type.
    name = first["loc"][1] if len(first["loc"]) > 1 else "the request"
    text = sentence(first)
    return ApiError(Kind.INVALID, f"{name}: {text[:1].lower()}{text[1:]}")


async def _of_http(request: Request, exc: HTTPException) -> ApiError:
    of_v1 = is_v1(request.url.path)
    is_unrouted = exc.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
    if of_v1 and is_unrouted and request.method != "OPTIONS" and request.url.path not in WITHOUT_KEY:
        # 401 and 403 come first. Browsers send OPTIONS without a key, to learn whether other sites may call.
        await request.app.state.services.authenticator.principal(request, await BEARER(request))
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return ApiError(Kind.NOT_FOUND, _NOT_FOUND_V1 if of_v1 else _NOT_FOUND)
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request)
        methods = ", ".join(["HEAD", *allowed] if of_v1 and "GET" in allowed else allowed)
        detail = f"This path does not support {request.method}; send {methods}."
        more = "" if of_v1 else " GET /docs describes the calls."
        return ApiError(Kind.METHOD_NOT_ALLOWED, f"{detail}{more}", headers={"Allow": methods})
    return ApiError(Kind.of(exc.status_code), str(exc.detail), headers=exc.headers)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of the request's path. Starlette's own error has only those of the first route."""
    routes = request.app.routes
    return [
        method.value
        for method in HTTPMethod
        if any(route.matches({**request.scope, "method": method.value})[0] is Match.FULL for route in routes)
    ]


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_GONE)
