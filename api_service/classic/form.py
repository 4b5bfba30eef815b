"""Reads a submission from a request: the fields from the form or the query string, the file from the form.

FastAPI's own parameters cannot do this: each comes from one place only, and the limit on a field is lower than ours.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header

from api_service.classic.schemas import Upload
from api_service.http.errors import ApiError, Kind
from api_service.http.source_text import read_source
from api_service.requests.multipart import Part, read_parts
from api_service.requests.threads import run_in_thread_if_large
from api_service.settings import ApiSettings
from api_service.submissions.new_submission import NewSubmission, Object
from shared.adapters.storage.keys import is_extension
from shared.common.text.visible_text import is_visible

_NAMES: Final = frozenset({*Upload.model_fields, "file"})
#: The names that are long enough to recognise a misspelling. `uid` may be a misspelt `id` or another field.
_LONG_NAMES: Final = _NAMES - {"id"}
_MAX_NAME_LENGTH: Final = 16
_MAX_MISSPELT: Final = 16
_ACCEPTED: Final = {"Accept": "multipart/form-data"}


async def read_submission(request: Request, settings: ApiSettings, languages: Sequence[str] = ()) -> NewSubmission:
    """Return the submission of a form in UTF-8. Raises `ApiError` or `RequestValidationError` if it is not valid.

    `languages` are the codes that a refusal of another language lists.
    """
    content_type = request.headers.get("Content-Type", "")
    media_type, parameters = parse_options_header(content_type)
    if media_type.lower() not in (b"multipart/form-data", b""):
        raise ApiError(
            Kind.UNSUPPORTED_TYPE,
            "The body must be a form with a file (multipart/form-data), as `curl -F file=@program.py` sends it.",
            headers=_ACCEPTED,
        )
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise ApiError(
            Kind.UNSUPPORTED_TYPE,
            "The form must be in UTF-8: send it with that charset, or without one.",
            headers=_ACCEPTED,
        )
    body = await request.body()
    return await run_in_thread_if_large(
        len(body), _parsed, body, content_type, request.query_params, settings, languages
    )


def _parsed(
    body: bytes, content_type: str, query: Mapping[str, str], settings: ApiSettings, languages: Sequence[str]
) -> NewSubmission:
    parts = read_parts(body, content_type) if content_type else []
    _check_names(query, parts)
    upload = _upload(query, parts, languages)
    if len(upload.inputs.encode()) > settings.max_input_bytes:
        raise ApiError(Kind.TOO_LARGE, f"inputs is longer than {settings.max_input_bytes} bytes; send a shorter input.")
    filename, source = _file(parts, settings)
    return NewSubmission(
        id=upload.id,
        email=upload.email,
        stdin=upload.inputs,
        language=upload.language,
        enable=upload.enable,
        filename=filename,
        source=source,
    )


def _check_names(query: Mapping[str, str], parts: Sequence[Part]) -> None:
    """Refuse a second file and a misspelt field, because ignoring them would mislead the sender.

    Other unknown fields are ignored, because web forms add some.
    """
    if sum(part.name == "file" for part in parts) > 1:
        raise ApiError(Kind.INVALID, "A submission has one file: send each of the others as another submission.")
    names = {*(part.name for part in parts), *query}
    missing = _LONG_NAMES - names
    # A comparison takes quadratic time, so only a few short names are compared.
    for name in sorted(names - _NAMES)[:_MAX_MISSPELT]:
        if len(name) <= _MAX_NAME_LENGTH and (nearest := get_close_matches(name.lower(), missing, n=1, cutoff=0.75)):
            raise ApiError(Kind.INVALID, f"A submission has no field {name}; write {nearest[0]}.")


def _upload(query: Mapping[str, str], parts: Sequence[Part], languages: Sequence[str]) -> Upload:
    fields = {name: value for name, value in query.items() if name in Upload.model_fields}
    for part in parts:
        if part.name in Upload.model_fields:
            if part.filename is not None:
                raise ApiError(Kind.INVALID, f"{part.name} must be a plain field, not a file.")
            fields[part.name] = part.text()
    # A web form sends an empty field for one that was left out.
    fields = {name: value for name, value in fields.items() if value or name not in ("id", "enable")}
    try:
        return Upload.model_validate(fields, context=languages)
    except ValidationError as exc:
        raise RequestValidationError([{**error, "loc": ("form", *error["loc"][:1])} for error in exc.errors()]) from exc


def _file(parts: Sequence[Part], settings: ApiSettings) -> tuple[str, Object]:
    file = next((part for part in parts if part.name == "file"), None)
    if file is None:
        raise ApiError(Kind.INVALID, "The source file is missing: send it as the multipart field `file`.")
    name = file.filename or ""
    if len(name) > 255 or any(c in "/\\" for c in name) or (name and not is_visible(name)) or name in (".", ".."):
        raise ApiError(
            Kind.INVALID,
            "The file's name must be a plain name of at most 255 characters, without a path or hidden characters.",
        )
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension and not is_extension(extension):
        raise ApiError(Kind.INVALID, "The extension of the file's name must be up to 16 letters or digits.")
    if len(file.data) > settings.max_source_bytes:
        raise ApiError(
            Kind.TOO_LARGE, f"The file is longer than {settings.max_source_bytes} bytes; send a shorter program."
        )
    return name, Object(read_source(file.data), extension)
