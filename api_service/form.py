"""Reads a submission from a request: the fields from the form or the query string, the file from the form.

FastAPI's own parameters cannot do this: each comes from one place only, and the limit on a field is lower than ours.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api_service.new_submission import NewSubmission, Object
from api_service.problems import Kind, Problem
from api_service.schemas import Upload
from api_service.settings import ApiSettings
from api_service.source_text import read_source
from shared.storage.keys import is_extension
from shared.visible_text import is_visible

_UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY
_NAMES: Final = frozenset({*Upload.model_fields, "file"})
#: The names that are long enough to recognise a misspelling. `uid` may be a misspelt `id` or another field.
_LONG_NAMES: Final = _NAMES - {"id"}
_LONGEST_MISSPELT: Final = 16
_MOST_MISSPELT: Final = 16
_ACCEPTED: Final = {"Accept": "multipart/form-data"}


async def read_submission(request: Request, settings: ApiSettings, languages: Sequence[str] = ()) -> NewSubmission:
    """Return the submission. Raises `Problem` or `RequestValidationError` if it is not valid.

    `languages` are the codes that a refusal of another language lists.
    """
    _check_media_type(request)
    async with _parsed_form(request, settings) as form:
        _check_names(request, form)
        upload = _upload(request, form, languages)
        if len(upload.inputs.encode()) > settings.max_input_bytes:
            raise Problem(
                Kind.TOO_LARGE,
                f"inputs is longer than {settings.max_input_bytes} bytes; send a shorter input.",
            )
        filename, source = await _file(form, settings)
    return NewSubmission(
        id=upload.id,
        email=upload.email,
        stdin=upload.inputs,
        language=upload.language,
        enable=upload.enable,
        filename=filename,
        source=source,
    )


def _check_media_type(request: Request) -> None:
    """Raise `Problem` (415) if the body is not a form in UTF-8. Some of Python's other codecs take quadratic time."""
    media_type, parameters = parse_options_header(request.headers.get("Content-Type", ""))
    if media_type.lower() not in (b"multipart/form-data", b""):
        raise Problem(
            Kind.UNSUPPORTED_TYPE,
            "The body must be a form with a file (multipart/form-data), as `curl -F file=@program.py` sends it.",
            headers=_ACCEPTED,
        )
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Problem(
            Kind.UNSUPPORTED_TYPE,
            "The form must be in UTF-8: send it with that charset, or without one.",
            headers=_ACCEPTED,
        )


@asynccontextmanager
async def _parsed_form(request: Request, settings: ApiSettings) -> AsyncIterator[FormData]:
    """Parse the form. Its temporary files are removed when the block ends."""
    most = max(settings.max_source_bytes, settings.max_input_bytes, 1 << 10)
    try:
        form = await request.form(max_files=4, max_fields=256, max_part_size=most + 1)
    except HTTPException as exc:
        if "maximum size" in str(exc.detail):
            raise Problem(
                Kind.TOO_LARGE,
                f"A field of the form is too long: send at most {settings.max_source_bytes} bytes in file,"
                f" {settings.max_input_bytes} in inputs, and less in the others.",
            ) from exc
        raise Problem(
            Kind.of(exc.status_code),
            f"The form cannot be read: {str(exc.detail).rstrip('.')}. Send it as `curl -F file=@program.py` does.",
        ) from exc
    try:
        yield form
    finally:
        await form.close()


def _check_names(request: Request, form: FormData) -> None:
    """Refuse a second file and a misspelt field, because ignoring them would mislead the sender.

    Other unknown fields are ignored, because web forms add some.
    """
    if len(form.getlist("file")) > 1:
        raise Problem(Kind.INVALID, "A submission has one file: send each of the others as another submission.")
    names = {*form, *request.query_params}
    missing = _LONG_NAMES - names
    # A comparison takes quadratic time, so only a few short names are compared.
    for name in sorted(names - _NAMES)[:_MOST_MISSPELT]:
        if len(name) <= _LONGEST_MISSPELT and (nearest := get_close_matches(name.lower(), missing, n=1, cutoff=0.75)):
            raise Problem(Kind.INVALID, f"A submission has no field {name}; write {nearest[0]}.")


def _upload(request: Request, form: FormData, languages: Sequence[str]) -> Upload:
    fields: dict[str, object] = {}
    for name in Upload.model_fields:
        value = form.get(name, request.query_params.get(name))
        if isinstance(value, UploadFile):
            raise Problem(Kind.INVALID, f"{name} must be a plain field, not a file.")
        # A web form sends an empty field for one that was left out.
        if value is not None and not (value == "" and name in ("id", "enable")):
            fields[name] = value
    try:
        return Upload.model_validate(fields, context=languages)
    except ValidationError as exc:
        raise RequestValidationError([{**error, "loc": ("form", *error["loc"][:1])} for error in exc.errors()]) from exc


async def _file(form: FormData, settings: ApiSettings) -> tuple[str, Object]:
    """Return the file's name and its content."""
    file = form.get("file")
    if file is None:
        raise Problem(Kind.INVALID, "The source file is missing: send it as the multipart field `file`.")
    if isinstance(file, str) and not file.isascii():
        # The parser has decoded it, perhaps from another encoding than UTF-8.
        raise Problem(
            Kind.INVALID,
            "file has no file name, so its encoding is unknown: send it as `curl -F file=@program.py` does.",
        )
    name = (file.filename or "") if isinstance(file, UploadFile) else ""
    if len(name) > 255 or any(c in "/\\" for c in name) or (name and not is_visible(name)) or name in (".", ".."):
        raise Problem(
            Kind.INVALID,
            "The file's name must be a plain name of at most 255 characters, without a path or hidden characters.",
        )
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension and not is_extension(extension):
        raise Problem(Kind.INVALID, "The extension of the file's name must be up to 16 letters or digits.")
    data = await file.read(settings.max_source_bytes + 1) if isinstance(file, UploadFile) else file.encode()
    if len(data) > settings.max_source_bytes:
        raise Problem(
            Kind.TOO_LARGE,
            f"The file is longer than {settings.max_source_bytes} bytes; send a shorter program.",
        )
    return name, Object(read_source(data), extension)
