"""The errors of the client. All are subclasses of `PrecieuxError`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


class PrecieuxError(Exception):
    """The base of all errors of this package."""


class ConnectionFailed(PrecieuxError):
    """No answer came from the server, after all tries."""


class WaitTimeout(PrecieuxError):
    """A wait was longer than its limit. The submission or batch still runs."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: a sentence, and the JSON pointer of the part of the body, or the parameter's name.

    `path` is that of a file of a problem's package, "" for the archive.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    path: str | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return f"{self.path or 'the package'}: {self.detail}"
        place = self.parameter if self.pointer is None else self.pointer.removeprefix("/") or "the body"
        return f"{place}: {self.detail}"


class APIError(PrecieuxError):
    """The server refused the call, with a problem document (RFC 9457).

    `retry_after` is in seconds. `request_id` is what the server's log calls this request.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        problem_type: str = "about:blank",
        title: str = "",
        errors: Sequence[Fault] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        # The detail of a server quotes the first fault, so with faults it says nothing more.
        super().__init__("; ".join(map(str, errors)) if errors else detail)
        self.status = status
        self.detail = detail
        self.type = problem_type
        self.title = title
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after


class InvalidRequest(APIError):
    """The request is wrong (400, 413, 415, 422)."""


class Unauthenticated(APIError):
    """The API key is missing or unknown (401)."""


class Forbidden(APIError):
    """The API key lacks the scope that the call needs (403)."""


class NotFound(APIError):
    """The resource does not exist, or belongs to another key (404)."""


class Conflict(APIError):
    """The resource's state does not allow the call (409)."""


class Gone(APIError):
    """The submission or batch that the idempotency key was used for is deleted (410)."""


class TooManyRequests(APIError):
    """Too much of this key is under way or waiting (429)."""


class QuotaExceeded(TooManyRequests):
    """A budget is used up (429)."""


class ServerError(APIError):
    """The server failed, or is not available (5xx)."""


_KINDS: Final[Mapping[int, type[APIError]]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooManyRequests,
    **dict.fromkeys((400, 413, 415, 422), InvalidRequest),
}
#: The type of the problem of a used-up budget.
_QUOTA_EXCEEDED: Final = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def error_of(status: int, body: object, *, request_id: str | None, retry_after: float | None) -> APIError:
    """Return the error of an answer. `body` is its JSON, or None if it has none."""
    document: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    faults = [
        Fault(str(fault.get("detail", "")), fault.get("pointer"), fault.get("parameter"), fault.get("path"))
        for fault in document.get("errors") or ()
        if isinstance(fault, Mapping)
    ]
    kind = _KINDS.get(status, ServerError if status >= 500 else APIError)
    if document.get("type") == _QUOTA_EXCEEDED:
        kind = QuotaExceeded
    return kind(
        status,
        str(document.get("detail") or document.get("title") or f"The server answered HTTP {status}."),
        problem_type=str(document.get("type", "about:blank")),
        title=str(document.get("title", "")),
        errors=faults,
        request_id=request_id,
        retry_after=retry_after,
    )
