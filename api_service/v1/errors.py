"""Answers every error under /v1 with a problem document of API v1. The classic calls keep theirs."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.budget import QuotaExceeded
from api_service.dependencies import Services, credentials_of
from api_service.problems import NO_MEMORY, UNAVAILABLE, Problem, allowed_methods
from api_service.request_log import HEADER, SCOPE_KEY
from api_service.submissions import RunUnderWay
from api_service.v1.problems import Fault, Kind, V1Problem, document, invalid
from api_service.v1.validation import pointer_to, sentence
from shared.errors import TransientError
from shared.http_bodies import Refuse
from shared.logging import get_logger

log = get_logger(__name__)

#: The kinds of problems that the use cases raise by status.
_KINDS: Final = {
    HTTPStatus.BAD_REQUEST: Kind.MALFORMED,
    HTTPStatus.UNAUTHORIZED: Kind.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: Kind.FORBIDDEN,
    HTTPStatus.NOT_FOUND: Kind.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: Kind.TOO_SLOW,
    HTTPStatus.CONFLICT: Kind.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind.TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Kind.UNSUPPORTED_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY: Kind.INVALID,
    HTTPStatus.TOO_MANY_REQUESTS: Kind.TOO_MANY,
    HTTPStatus.SERVICE_UNAVAILABLE: Kind.UNAVAILABLE,
}
_NOT_FOUND: Final = "There is nothing at this path for this key; check the path and the ids in it."

#: Paths that need no key.
WITHOUT_KEY: Final = frozenset({"/v1/mailgun/events"})


def is_v1(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


def add_handlers(app: FastAPI, public_url: str) -> None:
    """Let the handlers of `app` answer requests under /v1 in the manner of API v1. It must have the classic ones."""
    classic: dict[Any, Any] = dict(app.exception_handlers)

    def either(kind: type[Exception], to_problem: Callable[[Request, Exception], Awaitable[V1Problem]]) -> None:
        async def handle(request: Request, exc: Exception) -> Response:
            if kind is not V1Problem and not is_v1(request.url.path):
                answer: Response = await classic[kind](request, exc)
                return answer
            try:
                answer = document(await to_problem(request, exc), public_url)
            except (Problem, TransientError) as error:
                answer = document(from_use_case(error), public_url)
            return answer

        app.add_exception_handler(kind, handle)

    either(V1Problem, _v1)
    either(Problem, _use_case)
    either(TransientError, _use_case)
    either(RequestValidationError, _invalid)
    either(HTTPException, _http)
    either(MemoryError, _out_of_memory)
    either(Exception, _crashed)
    crashed = app.exception_handlers[Exception]

    async def with_id(request: Request, exc: Exception) -> Response:
        # This answer is made outside of all middleware.
        answer: Response = await crashed(request, exc)  # type: ignore[misc]
        answer.headers[HEADER] = request.scope.get(SCOPE_KEY, "")
        return answer

    app.add_exception_handler(Exception, with_id)


def refusing(public_url: str, classic: Refuse) -> Refuse:
    """Return what refuses bodies: with a problem document of API v1 under /v1, otherwise as `classic` does."""

    def refuse(status: HTTPStatus, sentence: str, headers: Mapping[str, str]) -> ASGIApp:
        of_v1 = document(V1Problem(_KINDS[status], sentence, headers=headers), public_url)
        of_classic = classic(status, sentence, headers)

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            await (of_v1 if is_v1(scope["path"]) else of_classic)(scope, receive, send)

        return respond

    return refuse


def from_use_case(exc: Problem | TransientError) -> V1Problem:
    """Return the problem of an error that a use case raised, which classic calls share."""
    if isinstance(exc, TransientError):
        return V1Problem(Kind.UNAVAILABLE, UNAVAILABLE)
    kind = Kind.UNDER_WAY if isinstance(exc, RunUnderWay) else _KINDS.get(exc.status, Kind.INTERNAL)
    if isinstance(exc, QuotaExceeded):
        extra = {"violated-policies": exc.policies}
        return V1Problem(Kind.QUOTA_EXCEEDED, exc.detail, headers=exc.headers, extra=extra)
    errors = [Fault(exc.detail, pointer=f"/{exc.field}" if exc.field else "")] if kind is Kind.INVALID else []
    return V1Problem(kind, exc.detail, errors, headers=exc.headers)


async def _v1(_: Request, exc: Exception) -> V1Problem:
    assert isinstance(exc, V1Problem)
    return exc


async def _use_case(request: Request, exc: Exception) -> V1Problem:
    assert isinstance(exc, Problem | TransientError)
    if isinstance(exc, TransientError):
        log.warning("request.unavailable", path=request.url.path, error=str(exc))
    return from_use_case(exc)


async def _invalid(_: Request, exc: Exception) -> V1Problem:
    """Return the problem of parameters that FastAPI has validated."""
    assert isinstance(exc, RequestValidationError)
    errors = exc.errors()
    if any(error["loc"][0] == "path" for error in errors):
        return V1Problem(Kind.NOT_FOUND, _NOT_FOUND)
    faults = [
        Fault(sentence(error), pointer=pointer_to(error["loc"][1:], exc.body, is_missing=error["type"] == "missing"))
        if error["loc"][0] == "body"
        else Fault(sentence(error), parameter=".".join(map(str, error["loc"][1:])))
        for error in errors
    ]
    return invalid(faults)


async def _http(request: Request, exc: Exception) -> V1Problem:
    assert isinstance(exc, HTTPException)
    is_unrouted = exc.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
    if is_unrouted and request.method != "OPTIONS" and request.url.path not in WITHOUT_KEY:
        # 401 and 403 come first. Browsers send OPTIONS without a key, to learn whether other sites may call.
        services: Services = request.app.state.services
        await services.authenticator.principal(request, await credentials_of(request))
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return V1Problem(Kind.NOT_FOUND, _NOT_FOUND)
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = allowed_methods(request)
        methods = ", ".join(["HEAD", *allowed] if "GET" in allowed else allowed)
        detail = f"This path does not support {request.method}; send {methods}."
        return V1Problem(Kind.METHOD_NOT_ALLOWED, detail, headers={"Allow": methods})
    kind = _KINDS.get(HTTPStatus(exc.status_code), Kind.INTERNAL)
    return V1Problem(kind, str(exc.detail), headers=exc.headers)


async def _out_of_memory(request: Request, _: Exception) -> V1Problem:
    log.warning("request.out_of_memory", path=request.url.path)
    return V1Problem(Kind.UNAVAILABLE, NO_MEMORY)


async def _crashed(request: Request, exc: Exception) -> V1Problem:
    log.error("request.crashed", path=request.url.path, exc_info=exc)
    return V1Problem(
        Kind.INTERNAL,
        "This server failed, and has logged the error; try again in a moment, or give the operator the value of"
        " X-Request-Id.",
    )
