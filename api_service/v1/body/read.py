"""Reads a submission from the body of a request: JSON, a form with files, or the source as text.

All of them give the same content, which `api_service.v1.body.rules` checks.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import Request
from python_multipart.multipart import parse_options_header

from api_service.access.auth import Principal
from api_service.http.problems import Fault, Kind, Problem, invalid
from api_service.services import Services
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission
from api_service.v1.body.accept_language import locale_of
from api_service.v1.body.defaults import BodyPath
from api_service.v1.body.multipart import Part, read_parts
from api_service.v1.body.rules import Constraints, Upload, validate_submission
from api_service.v1.body.submission import SubmissionBody
from api_service.v1.protocol.idempotency import HEADER, digest
from api_service.v1.protocol.threads import run_in_thread, run_in_thread_if_large
from api_service.v1.protocol.validation import checked_query, from_text, parse_json, query_items, repeated
from api_service.v1.reads.waiting import Wait, WaitQuery, wait_of
from shared.accounts import webhooks
from shared.engine.run_call import MAX_FILES
from shared.files.archives import ArchiveError, unpack_foreign
from shared.http.bodies import FREE_BYTES, give_back

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
TYPES: Final = f"{JSON}, {FORM}, text/*"

#: The part with all keys but the files.
_JSON_PART: Final = "submission"
_NAMELESS: Final = "The part has no file name; send `filename`. A form has no `filename*` (RFC 7578)."


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a body: the keys of a submission, the files of a form, and how its faults are reported."""

    keys: dict[str, Any]
    upload: Upload | None = None
    place: BodyPath | None = None
    faults: Sequence[Fault] = ()
    query: WaitQuery | None = None


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A submission that was posted. A repeated request is recognised by the digest of what was parsed."""

    new: NewSubmission
    content_sha256: str | None
    wait: Wait


async def read_submission(request: Request, services: Services, principal: Principal) -> ParsedRequest:
    """Return the submission of a request. Raises `Problem`: 400, 415, or 422 with all its faults."""
    body = await request.body()
    content = await _content(request, body, services.settings)
    constraints = await constraints_of(request, services, principal, [content.keys])
    new = await run_in_thread_if_large(len(body), _validated, content, constraints)
    require_known_offer(constraints, [new])
    content_sha256 = await run_in_thread(_digest, content) if HEADER in request.headers else None
    return ParsedRequest(new, content_sha256, wait_of(request, content.query))


async def constraints_of(
    request: Request, services: Services, principal: Principal, contents: Sequence[Mapping[str, Any]]
) -> Constraints:
    """Return what the operator and the engine allow, as far as these submissions need it."""
    languages = [content["language"] for content in contents if isinstance(content.get("language"), str)]
    has_webhook = any(content.get("webhook_url") is not None for content in contents)
    return Constraints(
        catalog=await services.languages.catalog(languages),
        max_source_bytes=services.settings.max_source_bytes,
        max_stdin_bytes=services.settings.max_input_bytes,
        egress=services.webhooks.egress,
        refusal=lambda email: services.submissions.refusal(principal, email),
        can_sign=has_webhook and await _can_sign(services, principal),
        locale=locale_of(request.headers.get("Accept-Language", "")),
    )


async def _can_sign(services: Services, principal: Principal) -> bool:
    async with services.database.connection() as connection:
        return await webhooks.can_sign(connection, principal.key_id, services.webhooks)


def require_known_offer(constraints: Constraints, new: Iterable[NewSubmission]) -> None:
    """Raise `Problem` (503) if a submission asks for what cannot be checked yet: options or limits."""
    for one in new:
        engine_language = constraints.catalog.find(one.language)
        if one.v1 is None or (engine_language and engine_language.details):
            continue
        has_limits = one.v1.spec["limits"] or (one.v1.tests and one.v1.tests.have_limits)
        if one.v1.spec["compiler_args"] or has_limits:
            raise Problem(
                Kind.UNAVAILABLE,
                "The engine has not reported its limits and compiler options yet; try again in a few seconds.",
            )


def body_bytes(request: Request, settings: ApiSettings) -> int:
    """Return the bytes of the body beyond those that every connection may use."""
    declared = request.headers.get("Content-Length", "")
    size = int(declared) if declared.isdecimal() and len(declared) < 20 else settings.largest_body_bytes
    return max(0, min(size, settings.largest_body_bytes) - FREE_BYTES)


def release_body(request: Request) -> None:
    """Let the body of a request go before its answer waits, so that others may send theirs."""
    request._body = b""
    give_back(request.scope)


async def _content(request: Request, body: bytes, settings: ApiSettings) -> _Content:
    header = request.headers.get("Content-Type", "")
    media_type, parameters = parse_options_header(header)
    kind = media_type.decode("latin-1")
    is_utf8 = parameters.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8", b"us-ascii")
    if kind == JSON:
        content = await run_in_thread_if_large(len(body), parse_json, body)
        if not isinstance(content, dict):
            raise invalid([Fault("It must be an object.", pointer="")])
        return _with_query(request, _Content(content))
    if kind == FORM and is_utf8:
        keys, files, faults = await run_in_thread_if_large(len(body), _of_form, body, header)
        upload = await _upload(files, settings) if files else None
        return _with_query(request, _Content(keys, upload, faults=faults))
    if kind.startswith("text/") and is_utf8:
        return _of_text(request, body)
    raise Problem(
        Kind.UNSUPPORTED_TYPE,
        f"The body must be of one of these types, in UTF-8: {TYPES}.",
        headers={"Accept": TYPES},
    )


def _with_query(request: Request, content: _Content) -> _Content:
    """Return the content with the query and its faults."""
    query, faults = checked_query(WaitQuery, query_items(request))
    return replace(content, faults=[*content.faults, *faults], query=query)


def _of_text(request: Request, body: bytes) -> _Content:
    """Return the content of a body that is the source. The other keys are in the query."""
    try:
        source = body.decode()
    except UnicodeDecodeError:
        raise Problem(Kind.MALFORMED_BODY, "The source is not in UTF-8; save it as UTF-8 and send it again.") from None
    items = query_items(request)
    waits = [item for item in items if item[0] in WaitQuery.model_fields]
    others = [item for item in items if item[0] not in WaitQuery.model_fields]
    query, faults = checked_query(WaitQuery, waits)
    faults += repeated(others)
    if "source" in dict(others):
        faults.append(Fault("The source is the body; leave it out.", parameter="source"))
    keys = from_text(SubmissionBody, dict(others)) | {"source": source}
    return _Content(keys, place=BodyPath(in_query=True), faults=faults, query=query)


def _of_form(body: bytes, content_type: str) -> tuple[dict[str, Any], list[Part], list[Fault]]:
    """Return the keys of a form, its files, and the faults that its form has. Raises `Problem`: 400 or 422."""
    parts = read_parts(body, content_type)
    keys, faults = _fields(parts)
    return keys, [part for part in parts if part.name == "file"], faults


def _fields(parts: Sequence[Part]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the keys of a form, and the faults that its form has. Raises `Problem` (400) for text not in UTF-8."""
    fields: dict[str, str] = {}
    faults: list[Fault] = []
    whole: dict[str, Any] = {}
    files = [part for part in parts if part.name == "file"]
    faults += [Fault(_NAMELESS, pointer=f"/files/{nth}/path") for nth, part in enumerate(files) if not part.filename]
    for part in parts:
        if part.name == "file":
            continue
        pointer = f"/{part.name.replace('~', '~0').replace('/', '~1')}"
        if part.name in fields:
            faults.append(Fault("It is there more than once; send it once.", pointer=pointer))
        elif part.filename is not None and part.name not in ("stdin", _JSON_PART):
            faults.append(Fault("It must be a plain field, without a file name.", pointer=pointer))
        fields[part.name] = part.text()
    if _JSON_PART in fields:
        content = parse_json(fields.pop(_JSON_PART).encode())
        if isinstance(content, dict):
            whole = content
        else:
            faults.append(Fault("It must be an object.", pointer=f"/{_JSON_PART}"))
    twice = f"It is there twice; send it as a field or in `{_JSON_PART}`."
    faults += [Fault(twice, pointer=f"/{name}") for name in whole if name in fields]
    return from_text(SubmissionBody, fields) | whole, faults


async def _upload(parts: Sequence[Part], settings: ApiSettings) -> Upload:
    """Return the files of a form. An archive that is the only file is unpacked."""
    [first, *others] = parts
    if others or not (first.filename or "").lower().endswith(".zip"):
        return Upload([(part.filename or "", part.data) for part in parts])
    try:
        files = await run_in_thread(
            unpack_foreign, first.data, max_files=MAX_FILES, max_bytes=settings.max_source_bytes
        )
    except ArchiveError as exc:
        return Upload(fault=Fault(str(exc), pointer="/files"))
    return Upload(list(files.items()))


def _validated(content: _Content, constraints: Constraints) -> NewSubmission:
    """Return the submission of a content. Raises `Problem` (422) with all its faults."""
    faults = list(content.faults)
    try:
        new = validate_submission(content.keys, constraints, content.place, content.upload)
    except Problem as exc:
        known = {(fault.pointer, fault.parameter) for fault in faults}
        faults += [fault for fault in exc.faults if (fault.pointer, fault.parameter) not in known]
    if faults:
        raise invalid(faults)
    return new


def _digest(content: _Content) -> str:
    """Return the digest of what was parsed. A null is the same as a key that is missing."""
    keys = {name: value for name, value in content.keys.items() if value is not None}
    files = content.upload.files if content.upload else ()
    return digest({"keys": keys, "files": [[path, hashlib.sha256(data).hexdigest()] for path, data in files]})
