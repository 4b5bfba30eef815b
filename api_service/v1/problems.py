"""Errors of API v1: problem documents (RFC 9457) whose `type` leads to the page of problems, and lists of faults.

A route raises `V1Problem`. The use cases that classic calls share raise `api_service.problems.Problem`: under /v1 it is
answered with the kind that belongs to its status.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

from fastapi import Response

from api_service.problems import cut

MEDIA_TYPE: Final = "application/problem+json"
#: The page that describes the kinds of problems, one anchor each.
PAGE: Final = "/problems"
_QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_RETRY_AFTER: Final = "5"
#: The characters of all faults of an answer.
_MOST_CHARACTERS: Final = 96 << 10


class Kind(Enum):
    """A kind of problem: its anchor on the page, its status and its title, and what a client can do about it."""

    MALFORMED = (
        "malformed-body",
        HTTPStatus.BAD_REQUEST,
        "The body cannot be read",
        "The body is no JSON, no multipart form, or not in UTF-8. Correct the body; nothing in it was looked at.",
    )
    UNAUTHENTICATED = (
        "unauthenticated",
        HTTPStatus.UNAUTHORIZED,
        "An API key is needed",
        (
            "The request has no API key, or one that is unknown or revoked. Send a valid key as"
            " `Authorization: Bearer KEY`; `precieux keys create NAME` makes one."
        ),
    )
    FORBIDDEN = (
        "forbidden",
        HTTPStatus.FORBIDDEN,
        "The call is not allowed",
        (
            "The key lacks the scope of this call: `submit` to post, cancel and delete, `read` to get. Or no key exists"
            " yet, and the request does not come from the user that runs the server. Use a key with the scope."
        ),
    )
    NOT_FOUND = (
        "not-found",
        HTTPStatus.NOT_FOUND,
        "There is no such thing",
        "There is nothing at this path, or this key may not see it. Check the path, and use the key that made it.",
    )
    METHOD_NOT_ALLOWED = (
        "method-not-allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The path does not support this method",
        "Send one of the methods that the header `Allow` names.",
    )
    NOT_ACCEPTABLE = (
        "not-acceptable",
        HTTPStatus.NOT_ACCEPTABLE,
        "The event is not accepted",
        (
            "The signature of an event is not valid, or its time is more than five minutes away. Check the signing key"
            " and the clocks; do not send the same event again."
        ),
    )
    TOO_SLOW = (
        "too-slow",
        HTTPStatus.REQUEST_TIMEOUT,
        "The body did not come in time",
        "Send the request again, without pauses in its body.",
    )
    UNDER_WAY = (
        "under-way",
        HTTPStatus.CONFLICT,
        "A run is under way",
        "The submission is queued or running. Wait until its state is final, or cancel it.",
    )
    FINAL = (
        "final",
        HTTPStatus.CONFLICT,
        "It has ended already",
        "The submission or batch is in a final state, so there is nothing to cancel.",
    )
    NOTHING_TO_MAIL = (
        "nothing-to-mail",
        HTTPStatus.CONFLICT,
        "There is no result to mail, or no address",
        "A result can be mailed again when the submission has an `email` and a result.",
    )
    REQUEST_UNDER_WAY = (
        "request-under-way",
        HTTPStatus.CONFLICT,
        "The first request with this key is under way",
        (
            "Another request with the same `Idempotency-Key` has not been answered yet. Send this one again after the"
            " time"
            " in `Retry-After`; it will get the answer of the first."
        ),
    )
    CONFLICT = (
        "conflict",
        HTTPStatus.CONFLICT,
        "The request conflicts with what is stored",
        "The `detail` says with what. Get the resource, and decide again.",
    )
    GONE = (
        "gone",
        HTTPStatus.GONE,
        "What the key was used for is deleted",
        (
            "The submission or batch of the first request with this `Idempotency-Key` is deleted, and so is its answer."
            " Send a new key with each new request."
        ),
    )
    TOO_LARGE = (
        "too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large",
        "Send at most `max_body_bytes`, as `GET /v1/limits` gives it.",
    )
    UNSUPPORTED_TYPE = (
        "unsupported-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The type of the body is not supported",
        (
            "Send a type that the call takes, and name it in `Content-Type`; the header `Accept` of the answer lists"
            " them. Do not compress the body."
        ),
    )
    RANGE = (
        "range",
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "The range is outside the content",
        "Ask for a range within the size that `Content-Range` gives.",
    )
    INVALID = (
        "invalid",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request is not valid",
        (
            "Each entry of `errors` names one fault, by a `pointer` into the body (RFC 6901) or by the `parameter` of"
            " the"
            " query or the header. Correct all of them; nothing was stored."
        ),
    )
    KEY_REUSED = (
        "key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The idempotency key belongs to another request",
        (
            "The `Idempotency-Key` came with other content before. Send a new key with each new request, and the same"
            " key"
            " only with the same content."
        ),
    )
    QUOTA_EXCEEDED = (
        "quota-exceeded",
        HTTPStatus.TOO_MANY_REQUESTS,
        "A budget is used up",
        "`violated-policies` names the budgets. Send the request again after the time in `Retry-After`.",
    )
    TOO_MANY = (
        "too-many",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too much is under way at once",
        (
            "This key has as many streams open, or requests waiting, as it may. End some, or send the request again"
            " after"
            " the time in `Retry-After`."
        ),
    )
    INTERNAL = (
        "internal",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server failed",
        (
            "The server has logged the error. Try again in a moment; if it fails again, give the operator the value of"
            " `X-Request-Id`."
        ),
    )
    UNAVAILABLE = (
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The server cannot serve the request now",
        (
            "A dependency is unavailable, or too much is waiting. Nothing was stored. Send the request again after"
            " the time"
            " in `Retry-After`."
        ),
    )

    def __init__(self, anchor: str, status: HTTPStatus, title: str, meaning: str) -> None:
        self.anchor = anchor
        self.status = status
        self.title = title
        self.meaning = meaning

    def url(self, public_url: str) -> str:
        """Return the `type` of the documents of this kind."""
        return _QUOTA_EXCEEDED if self is Kind.QUOTA_EXCEEDED else f"{public_url}{PAGE}#{self.anchor}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: in the body at `pointer`, or in the query or header field `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_json(self) -> dict[str, str]:
        place = {"pointer": self.pointer} if self.pointer is not None else {"parameter": self.parameter or ""}
        return {name: cut(text) for name, text in {**place, "detail": self.detail}.items()}


class V1Problem(Exception):
    """A request to API v1 that cannot be served. `detail` is one sentence that says what to change.

    A 422 has `errors`, one for each fault. `extra` are further members of the document.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.extra = extra


def invalid(errors: Sequence[Fault], kind: Kind = Kind.INVALID) -> V1Problem:
    """Return the problem (422) of these faults; its `detail` is that of the first."""
    first = errors[0]
    place = first.parameter or (first.pointer or "").removeprefix("/").replace("/", ".") or "The body"
    more = len(errors) - 1
    rest = f"; {more} more {'fault is' if more == 1 else 'faults are'} in `errors`." if more else "."
    return V1Problem(kind, f"{place}: {first.detail[:1].lower()}{first.detail[1:].removesuffix('.')}{rest}", errors)


def _that_fit(errors: Iterable[Fault]) -> Iterator[dict[str, str]]:
    """Yield the faults as JSON, until there are many characters."""
    room = _MOST_CHARACTERS
    for error in errors:
        shown = error.as_json()
        room -= sum(map(len, shown.values()))
        if room < 0:
            return
        yield shown


def document(problem: V1Problem, public_url: str) -> Response:
    """Return the problem document as an answer."""
    kind = problem.kind
    content: dict[str, object] = {
        "type": kind.url(public_url),
        "title": kind.title,
        "status": kind.status.value,
        "detail": cut(problem.detail),
    }
    if problem.errors:
        content["errors"] = list(_that_fit(problem.errors))
    content |= problem.extra or {}
    headers = {"Cache-Control": "private, no-cache", **(problem.headers or {})}
    if kind.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers.setdefault("Retry-After", _RETRY_AFTER)
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(body, kind.status, headers, MEDIA_TYPE)
