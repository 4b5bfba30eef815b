"""Why a request is not served. Every layer raises `Problem`, and each front end has its own form of answer for it.

`api_service.errors` turns all other exceptions into problems.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final, NamedTuple

MEDIA_TYPE: Final = "application/problem+json"
#: The page that describes the kinds of problems, one anchor each.
PAGE: Final = "/problems"
_QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
#: The statuses of requests that may be sent again later, and the seconds until then if nothing better is known.
_LATER: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
_RETRY_AFTER: Final = "5"
#: The characters of each text in an answer. A longer one repeats what was sent, which the sender knows.
_LONGEST: Final = 1000


class _About(NamedTuple):
    status: HTTPStatus
    title: str
    #: What a client can do about it.
    meaning: str


class Kind(Enum):
    """A kind of problem. Its name is its anchor on the page of problems."""

    MALFORMED_BODY = _About(
        HTTPStatus.BAD_REQUEST,
        "The body cannot be read",
        "The body is no JSON, no multipart form, or not in UTF-8. Correct the body; nothing in it was looked at.",
    )
    UNAUTHENTICATED = _About(
        HTTPStatus.UNAUTHORIZED,
        "An API key is needed",
        "The request has no API key, or one that is unknown or revoked. Send a valid key as `Authorization: Bearer"
        " KEY`; `precieux keys create NAME` makes one.",
    )
    FORBIDDEN = _About(
        HTTPStatus.FORBIDDEN,
        "The call is not allowed",
        "The key lacks the scope of this call: `submit` to post, cancel and delete, `read` to get. Or no key exists"
        " yet, and the request does not come from the user that runs the server. Use a key with the scope.",
    )
    NOT_FOUND = _About(
        HTTPStatus.NOT_FOUND,
        "There is no such thing",
        "There is nothing at this path, or this key may not see it. Check the path, and use the key that made it.",
    )
    METHOD_NOT_ALLOWED = _About(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The path does not support this method",
        "Send one of the methods that the header `Allow` names.",
    )
    NOT_ACCEPTABLE = _About(
        HTTPStatus.NOT_ACCEPTABLE,
        "The event is not accepted",
        "The signature of an event is not valid, or its time is more than five minutes away. Check the signing key"
        " and the clocks; do not send the same event again.",
    )
    TOO_SLOW = _About(
        HTTPStatus.REQUEST_TIMEOUT,
        "The body did not come in time",
        "Send the request again, without pauses in its body.",
    )
    UNDER_WAY = _About(
        HTTPStatus.CONFLICT,
        "A run is under way",
        "The submission is queued or running. Wait until its state is final, or cancel it.",
    )
    FINAL = _About(
        HTTPStatus.CONFLICT,
        "It has ended already",
        "The submission or batch is in a final state, so there is nothing to cancel.",
    )
    NOTHING_TO_MAIL = _About(
        HTTPStatus.CONFLICT,
        "There is no result to mail, or no address",
        "A result can be mailed again when the submission has an `email` and a result.",
    )
    REQUEST_UNDER_WAY = _About(
        HTTPStatus.CONFLICT,
        "The first request with this key is under way",
        "Another request with the same `Idempotency-Key` has not been answered yet. Send this one again after the"
        " time in `Retry-After`; it will get the answer of the first.",
    )
    CONFLICT = _About(
        HTTPStatus.CONFLICT,
        "The request conflicts with what is stored",
        "The `detail` says with what. Get the resource, and decide again.",
    )
    GONE = _About(
        HTTPStatus.GONE,
        "What the key was used for is deleted",
        "The submission or batch of the first request with this `Idempotency-Key` is deleted, and so is its answer."
        " Send a new key with each new request.",
    )
    TOO_LARGE = _About(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large",
        "Send at most `max_body_bytes`, as `GET /v1/limits` gives it.",
    )
    UNSUPPORTED_TYPE = _About(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The type of the body is not supported",
        "Send a type that the call takes, and name it in `Content-Type`; the header `Accept` of the answer lists"
        " them. Do not compress the body.",
    )
    RANGE = _About(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "The range is outside the content",
        "Ask for a range within the size that `Content-Range` gives.",
    )
    INVALID = _About(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request is not valid",
        "Each entry of `errors` names one fault, by a `pointer` into the body (RFC 6901) or by the `parameter` of the"
        " query or the header. Correct all of them; nothing was stored.",
    )
    KEY_REUSED = _About(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The idempotency key belongs to another request",
        "The `Idempotency-Key` came with other content before. Send a new key with each new request, and the same key"
        " only with the same content.",
    )
    QUOTA_EXCEEDED = _About(
        HTTPStatus.TOO_MANY_REQUESTS,
        "A budget is used up",
        "`violated-policies` names the budgets. Send the request again after the time in `Retry-After`.",
    )
    TOO_MANY = _About(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too much is under way at once",
        "This key has as many streams open, or requests waiting, as it may. End some, or send the request again after"
        " the time in `Retry-After`.",
    )
    INTERNAL = _About(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server failed",
        "The server has logged the error. Try again in a moment; if it fails again, give the operator the value of"
        " `X-Request-Id`.",
    )
    UNAVAILABLE = _About(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The server cannot serve the request now",
        "A dependency is unavailable, or too much is waiting. Nothing was stored. Send the request again after the"
        " time in `Retry-After`.",
    )

    def __init__(self, status: HTTPStatus, title: str, meaning: str) -> None:
        self.status = status
        self.title = title
        self.meaning = meaning

    @classmethod
    def of(cls, status: int) -> "Kind":
        """Return the kind of a status of which nothing more is known."""
        return _BY_STATUS.get(status, cls.INTERNAL)

    @property
    def anchor(self) -> str:
        """Its place on the page of problems."""
        return self.name.lower().replace("_", "-")

    def url(self, public_url: str) -> str:
        """Return the `type` of the documents of this kind."""
        return _QUOTA_EXCEEDED if self is Kind.QUOTA_EXCEEDED else f"{public_url}{PAGE}#{self.anchor}"


_BY_STATUS: Final = {
    **{kind.status.value: kind for kind in Kind},
    HTTPStatus.CONFLICT: Kind.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY: Kind.INVALID,
    HTTPStatus.TOO_MANY_REQUESTS: Kind.TOO_MANY,
}


def cut(text: str) -> str:
    """Return a text for an answer, without most of it if it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: in the body at `pointer`, or in the query or header field `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_json(self) -> dict[str, str]:
        place = {"pointer": self.pointer} if self.pointer is not None else {"parameter": self.parameter or ""}
        return {name: cut(text) for name, text in {**place, "detail": self.detail}.items()}


class Problem(Exception):
    """A request that cannot be served. `detail` is a sentence that says what happened, and what to change.

    `faults` are those of a request that is not valid, `policies` the budgets that are used up.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        faults: Sequence[Fault] = (),
        *,
        headers: Mapping[str, str] | None = None,
        policies: Sequence[str] = (),
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.headers = dict(headers or {})
        if kind.status in _LATER:
            self.headers.setdefault("Retry-After", _RETRY_AFTER)
        self.policies = policies


def invalid(faults: Sequence[Fault], kind: Kind = Kind.INVALID) -> Problem:
    """Return the problem of these faults; its `detail` is that of the first."""
    first = faults[0]
    place = first.parameter or (first.pointer or "").removeprefix("/").replace("/", ".") or "The body"
    more = len(faults) - 1
    rest = f"; {more} more {'fault is' if more == 1 else 'faults are'} in `errors`." if more else "."
    return Problem(kind, f"{place}: {first.detail[:1].lower()}{first.detail[1:].removesuffix('.')}{rest}", faults)
