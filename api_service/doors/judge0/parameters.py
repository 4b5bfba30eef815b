"""Reads the tokens of a request, and its parameters from its query and from its body, which is JSON or a form.

Any API key authenticates its sender; a key with the scope `admin` also authorizes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api_service.access.principal import Principal
from api_service.doors.door import Reader, bearer
from api_service.doors.judge0.configuration import Configuration
from api_service.doors.judge0.port import PortDep
from api_service.http.errors import ApiError, Kind
from api_service.http.json_text import parse_json
from api_service.requests.multipart import read_parts
from api_service.requests.threads import run_in_thread_if_large
from shared.records.judge0.submissions import ALL, DEFAULT

_MAX_FIELDS: Final = 1000
_MAX: Final = 1 << 31

Parameters = Mapping[str, Any]


def bad_request(error: str) -> ApiError:
    """Return the problem of a request that Judge0 answers with 400."""
    return ApiError(Kind.MALFORMED_BODY, error)


def key_of(connection: HTTPConnection) -> str:
    """Return the API key of a request; empty without one."""
    return _sent(connection, "X-Auth-Token") or bearer(connection)


def _sent(connection: HTTPConnection, name: str) -> str:
    return (connection.headers.get(name) or connection.query_params.get(name) or "").strip()


async def _admin(_: Reader, request: Request, port: PortDep) -> Principal:
    user = _sent(request, "X-Auth-User")
    principal = await port.senders.of_key(user) if user else None
    if principal is None or not principal.sees_all:
        raise ApiError(Kind.FORBIDDEN, "")
    return principal


#: The sender of a request, who sees all submissions.
Admin = Annotated[Principal, Depends(_admin)]


async def read(request: Request) -> dict[str, Any]:
    """Return the parameters of a request. Raises `ApiError` (400) if the body cannot be read."""
    body = await request.body()
    query = dict(request.query_params)
    if not body:
        return query
    return query | await run_in_thread_if_large(len(body), _of_body, body, request.headers.get("Content-Type", ""))


def _of_body(body: bytes, content_type: str) -> dict[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            return {part.name: part.text() for part in read_parts(body, content_type)}
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
        content = parse_json(body)
    except (ApiError, ValueError) as exc:
        raise bad_request(str(exc)) from None
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True, slots=True)
class Shown:
    """How a client wants to see submissions: which fields, and whether their texts are in base64."""

    fields: Sequence[str]
    base64: bool


def is_on(parameters: Parameters, name: str) -> bool:
    """Return True for exactly the word `true`, or the same in JSON."""
    return parameters.get(name) in ("true", True)


def shown(parameters: Parameters) -> Shown:
    """Return how a client wants to see submissions. Raises `ApiError` (400) for fields that do not exist."""
    text = parameters.get("fields")
    names = [name.strip() for name in text.split(",")] if isinstance(text, str) and text.strip() else [*DEFAULT]
    # Each name is shown once. A text may be large, and a query has room for very many names.
    names = [*ALL] if "*" in names else [*dict.fromkeys(names)]
    if unknown := [name for name in names if name not in ALL]:
        raise bad_request(f"invalid fields: [{', '.join(unknown)}]")
    return Shown(names, is_on(parameters, "base64_encoded"))


def of_batch(several: Any, configuration: Configuration) -> Sequence[Any]:
    """Return the submissions of a batch, or their tokens. Raises `ApiError` (400) if there may not be as many."""
    if not configuration.enable_batched_submissions:
        raise bad_request("batched submissions are not allowed")
    if not isinstance(several, list) or not several:
        raise bad_request("there should be at least one submission in a batch")
    limit = configuration.max_submission_batch_size
    if len(several) > limit:
        raise bad_request(f"number of submissions in a batch should be less than or equal to {limit}")
    return several


def whole(parameters: Parameters, name: str, *, default: int, minimum: int) -> int:
    """Return a whole number from the query. Raises `ApiError` (400) if it is too small."""
    raw: Any = parameters.get(name, default)
    try:
        number = int(raw)
    except (ValueError, TypeError, OverflowError):
        number = 0
    if number < minimum:
        raise bad_request(f"invalid {name}: {number}")
    return min(number, _MAX)
