"""Reads a submission from the body of a request: JSON, a form with files, or the source as text.

All of them give the same content, which `api_service.v1.body.rules` checks.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

from fastapi import Request
from python_multipart.multipart import parse_options_header

from api_service.access.principal import Principal
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.requests.idempotency import HEADER, digest
from api_service.requests.multipart import Part, read_parts
from api_service.requests.prefer import Wait, WaitQuery, wait_of
from api_service.requests.threads import LARGE, run_in_thread_if_large
from api_service.requests.validation import (
    NoQuery,
    checked_query,
    escaped,
    from_text,
    parse_json,
    query_items,
    repeated,
)
from api_service.services import Services
from api_service.settings import ApiSettings
from api_service.v1.body.constraints import Constraints, constraints_of
from api_service.v1.body.defaults import BodyPath
from api_service.v1.body.program import UploadedFiles
from api_service.v1.body.rules import SubmissionCheck, check_submission
from api_service.v1.body.submission import SubmissionBody
from shared.common.files.archives import ArchiveError, unpack_foreign
from shared.engine_api.run_call.limits import MAX_FILES

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
TYPES: Final = f"{JSON}, {FORM}, text/*"

T = TypeVar("T")

#: What the URL may say: how long a submission's answer waits.
_Query: TypeAlias = type[WaitQuery] | type[NoQuery]
#: The part with all keys but the files.
_JSON_PART: Final = "submission"
_NAMELESS: Final = "The part has no file name; send `filename`. A form has no `filename*` (RFC 7578)."


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of a body: the keys of a submission, the files of a form, and how its faults are reported."""

    keys: dict[str, Any]
    upload: UploadedFiles | None = None
    path: BodyPath | None = None
    faults: Sequence[Fault] = ()
    query: WaitQuery | NoQuery | None = None


@dataclass(frozen=True, slots=True)
class ParsedRequest(Generic[T]):
    """What is made of a posted submission. A repeated request is recognised by the digest of what was parsed."""

    new: T
    content_sha256: str | None
    wait: Wait


async def read_submission(
    request: Request,
    services: Services,
    principal: Principal,
    body: bytes,
    make: Callable[[SubmissionCheck], T],
    *,
    may_store: bool = True,
) -> ParsedRequest[T]:
    """Return what `make` makes of the submission of a request. Raises `ApiError`: 400, 415, 422 or 503.

    Unless it `may_store`, it has only the keys of a run that is not stored, and its answer does not wait.
    """
    query: _Query = WaitQuery if may_store else NoQuery
    # A form may have an archive, which is larger than it looks.
    size = LARGE if FORM in request.headers.get("Content-Type", "").lower() else len(body)
    content = await run_in_thread_if_large(size, _parsed, request, body, services.settings, query)
    constraints = await constraints_of(request, services, principal, [content.keys], may_store=may_store)
    has_key = HEADER in request.headers
    new, sha256 = await run_in_thread_if_large(size, _validated, content, constraints, make, has_key=has_key)
    wait = wait_of(request, content.query if isinstance(content.query, WaitQuery) else None)
    return ParsedRequest(new, sha256, wait)


def _parsed(request: Request, body: bytes, settings: ApiSettings, query_model: _Query) -> _Content:
    content_type = request.headers.get("Content-Type", "")
    media_type, parameters = parse_options_header(content_type)
    kind = media_type.decode("latin-1")
    is_utf8 = parameters.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8", b"us-ascii")
    if kind.startswith("text/") and is_utf8:
        return _of_text(body, query_items(request), query_model)
    if kind == JSON:
        keys = parse_json(body)
        if not isinstance(keys, dict):
            raise invalid([Fault("It must be an object.", pointer="")])
        content = _Content(keys)
    elif kind == FORM and is_utf8:
        content = _of_form(read_parts(body, content_type), settings)
    else:
        raise ApiError(
            Kind.UNSUPPORTED_TYPE,
            f"The body must be of one of these types, in UTF-8: {TYPES}.",
            headers={"Accept": TYPES},
        )
    query, faults = checked_query(query_model, query_items(request))
    return replace(content, faults=[*content.faults, *faults], query=query)


def _of_text(body: bytes, items: Sequence[tuple[str, str]], query_model: _Query) -> _Content:
    """Return the content of a body that is the source. The other keys are in the query."""
    try:
        source = body.decode()
    except UnicodeDecodeError:
        raise ApiError(Kind.MALFORMED_BODY, "The source is not in UTF-8; save it as UTF-8 and send it again.") from None
    waits = [item for item in items if item[0] in query_model.model_fields]
    keys_of_query = [item for item in items if item[0] not in query_model.model_fields]
    query, faults = checked_query(query_model, waits)
    faults += repeated(keys_of_query)
    if "source" in dict(keys_of_query):
        faults.append(Fault("The source is the body; leave it out.", parameter="source"))
    keys = from_text(SubmissionBody, dict(keys_of_query)) | {"source": source}
    return _Content(keys, path=BodyPath(in_query=True), faults=faults, query=query)


def _of_form(parts: Sequence[Part], settings: ApiSettings) -> _Content:
    fields: dict[str, str] = {}
    whole: dict[str, Any] = {}
    files = [part for part in parts if part.name == "file"]
    faults = [Fault(_NAMELESS, pointer=f"/files/{nth}/path") for nth, part in enumerate(files) if not part.filename]
    for part in parts:
        if part.name == "file":
            continue
        pointer = f"/{escaped(part.name)}"
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
    keys = from_text(SubmissionBody, fields) | whole
    return _Content(keys, _upload(files, settings) if files else None, faults=faults)


def _upload(parts: Sequence[Part], settings: ApiSettings) -> UploadedFiles:
    """Return the files of a form. An archive that is the only file is unpacked."""
    [first, *further] = parts
    if further or not (first.filename or "").lower().endswith(".zip"):
        return UploadedFiles([(part.filename or "", part.data) for part in parts])
    try:
        files = unpack_foreign(first.data, max_files=MAX_FILES, max_bytes=settings.max_source_bytes)
    except ArchiveError as exc:
        return UploadedFiles(fault=Fault(str(exc), pointer="/files"))
    return UploadedFiles(list(files.items()))


def _validated(
    content: _Content, constraints: Constraints, make: Callable[[SubmissionCheck], T], *, has_key: bool
) -> tuple[T, str | None]:
    checked = check_submission(content.keys, constraints, content.path, content.upload, content.faults)
    if not has_key:
        return make(checked), None
    # A null is the same as a key that is missing.
    keys = {name: value for name, value in content.keys.items() if value is not None}
    files = content.upload.files if content.upload else ()
    digests = [[path, hashlib.sha256(data).hexdigest()] for path, data in files]
    return make(checked), digest({"keys": keys, "files": digests})
