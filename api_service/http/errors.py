"""Why a request is not served. Every layer raises `ApiError`, and each front end has its own form of answer for it.

`api_service.errors` turns all other exceptions into these.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Final

MEDIA_TYPE: Final = "application/problem+json"
#: The header field of a request's id, and the id's key in an ASGI scope.
REQUEST_ID_FIELD: Final = "X-Request-Id"
REQUEST_ID: Final = "request_id"
#: The page that describes the kinds of problems, one anchor each.
PAGE: Final = "/problems"
_QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"
#: The statuses of requests that may be sent again later, and the seconds until then if nothing better is known.
_LATER: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
_RETRY_AFTER: Final = "5"
#: Anchor -> status, title and meaning of a kind.
_ABOUT: Final = json.loads((Path(__file__).parent / "errors.json").read_text())
#: The characters of each text in an answer. A longer one repeats what was sent, which the sender knows.
_MAX_LENGTH: Final = 1000


class Kind(Enum):
    """A kind of error, by its anchor on the page of problems. `errors.json` says what it is, and what to do."""

    MALFORMED_BODY = "malformed-body"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    NOT_ACCEPTABLE = "not-acceptable"
    TOO_SLOW = "too-slow"
    UNDER_WAY = "under-way"
    FINAL = "final"
    NOTHING_TO_MAIL = "nothing-to-mail"
    REQUEST_UNDER_WAY = "request-under-way"
    CONFLICT = "conflict"
    NAME_TAKEN = "name_taken"
    GONE = "gone"
    TOO_LARGE = "too-large"
    UNSUPPORTED_TYPE = "unsupported-type"
    RANGE = "range"
    INVALID = "invalid"
    KEY_REUSED = "key-reused"
    QUOTA_EXCEEDED = "quota-exceeded"
    TOO_MANY = "too-many"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"

    @property
    def status(self) -> HTTPStatus:
        return HTTPStatus(_ABOUT[self.value]["status"])

    @property
    def title(self) -> str:
        return str(_ABOUT[self.value]["title"])

    @property
    def meaning(self) -> str:
        """What happened, and what a client can do about it."""
        return str(_ABOUT[self.value]["meaning"])

    @classmethod
    def of(cls, status: int) -> "Kind":
        """Return the kind of a status of which nothing more is known."""
        return _BY_STATUS.get(status, cls.INTERNAL)

    def url(self, public_url: str) -> str:
        """Return the `type` of the documents of this kind."""
        return _QUOTA_EXCEEDED if self is Kind.QUOTA_EXCEEDED else f"{public_url}{PAGE}#{self.value}"


_BY_STATUS: Final = {
    **{kind.status.value: kind for kind in Kind},
    HTTPStatus.CONFLICT: Kind.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY: Kind.INVALID,
    HTTPStatus.TOO_MANY_REQUESTS: Kind.TOO_MANY,
}


def cut(text: str) -> str:
    """Return a text for an answer, without most of it if it is long."""
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: in the body at `pointer`, in the query or header field `parameter`, or in a package.

    `path` is that of the file in the package, "" for the archive.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    path: str | None = None

    def as_json(self) -> dict[str, str]:
        places = {"pointer": self.pointer, "parameter": self.parameter, "path": self.path}
        place = {name: text for name, text in places.items() if text is not None} or {"parameter": ""}
        return {name: cut(text) for name, text in {**place, "detail": self.detail}.items()}


class ApiError(Exception):
    """A request that cannot be served. `detail` is a sentence: what happened, and how to correct the request.

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


def invalid(faults: Sequence[Fault], kind: Kind = Kind.INVALID) -> ApiError:
    """Return the error of these faults; its `detail` is that of the first."""
    first = faults[0]
    place = first.parameter or first.path or (first.pointer or "").removeprefix("/").replace("/", ".")
    place = place or ("The body" if first.path is None else "The package")
    more = len(faults) - 1
    rest = f"; {more} more {'fault is' if more == 1 else 'faults are'} in `errors`." if more else "."
    return ApiError(kind, f"{place}: {first.detail[:1].lower()}{first.detail[1:].removesuffix('.')}{rest}", faults)
