"""Reads a submission off a request: the fields from the form or the query string, the file from the form.

By hand, since FastAPI's own parameters come from one place only, and its parser's limit on a field is below ours.
"""

from difflib import get_close_matches
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api_service.problems import Problem
from api_service.schemas import SourceFile, Upload
from api_service.settings import ApiSettings
from api_service.source_text import read_source
from shared.storage.keys import is_extension

_UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY
_NAMES: Final = frozenset({*Upload.model_fields, "file"})
#: Those of which a misspelt one can be told from a name of something else, as `uid` cannot from `id`.
_LONG_NAMES: Final = _NAMES - {"id"}
_LONGEST_MISSPELT: Final = 16
_MOST_MISSPELT: Final = 16
_WANTED: Final = {"Accept": "multipart/form-data"}


async def read_submission(request: Request, settings: ApiSettings) -> tuple[Upload, SourceFile]:
    """The checked submission; raises `Problem` or `RequestValidationError` for what is wrong with it."""
    _check_media_type(request)
    async with _form(request, settings) as form:
        _check_names(request, form)
        upload = _upload(request, form)
        if len(upload.inputs.encode()) > settings.max_input_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"inputs is longer than {settings.max_input_bytes} bytes; send less.",
            )
        return upload, await _file(form, settings)


def _check_media_type(request: Request) -> None:
    """Refuse what is no form with a file, and other charsets: Python's codecs are many, some of quadratic time."""
    media_type, parameters = parse_options_header(request.headers.get("Content-Type", ""))
    if media_type.lower() not in (b"multipart/form-data", b""):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body must be a form with a file (multipart/form-data), as `curl -F file=@program.py` sends it.",
            _WANTED,
        )
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The form must be in UTF-8: send it with that charset, or without one.",
            _WANTED,
        )


class _form:  # noqa: N801  (a context manager, read as a verb)
    """The parsed form, whose temporary files are gone when the block ends."""

    def __init__(self, request: Request, settings: ApiSettings) -> None:
        self._settings = settings
        most = max(settings.max_source_bytes, settings.max_input_bytes, 1 << 10)
        self._context = request.form(max_files=4, max_fields=256, max_part_size=most + 1)

    async def __aenter__(self) -> FormData:
        try:
            return await self._context.__aenter__()
        except HTTPException as exc:
            if "maximum size" in str(exc.detail):
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"A field of the form is too long: file may have {self._settings.max_source_bytes} bytes,"
                    f" inputs {self._settings.max_input_bytes}, and the others less; send less.",
                ) from exc
            raise Problem(
                HTTPStatus(exc.status_code),
                f"The form cannot be read: {str(exc.detail).rstrip('.')}. Send it as `curl -F file=@program.py` does.",
            ) from exc

    async def __aexit__(self, *exc_info: object) -> None:
        await self._context.__aexit__(None, None, None)


def _check_names(request: Request, form: FormData) -> None:
    """Refuse what would be ignored though its sender means it: a second file, and a misspelt field.

    Other fields are ignored; web forms send some of their own.
    """
    if len(form.getlist("file")) > 1:
        raise Problem(_UNPROCESSABLE, "A submission is one file: send the others as submissions of their own.")
    given = {*form, *request.query_params}
    missing = _LONG_NAMES - given
    # The comparison takes time by the square of the length, for each of the names.
    for name in sorted(given - _NAMES)[:_MOST_MISSPELT]:
        if len(name) <= _LONGEST_MISSPELT and (nearest := get_close_matches(name.lower(), missing, n=1, cutoff=0.75)):
            raise Problem(_UNPROCESSABLE, f"{name} is no field of a submission; write {nearest[0]}.")


def _upload(request: Request, form: FormData) -> Upload:
    fields: dict[str, object] = {}
    for name in Upload.model_fields:
        value = form.get(name, request.query_params.get(name))
        if isinstance(value, UploadFile):
            raise Problem(_UNPROCESSABLE, f"{name} must be a plain field, not a file.")
        # An empty field of a web form is a field left out.
        if value is not None and not (value == "" and name in ("id", "enable")):
            fields[name] = value
    try:
        return Upload.model_validate(fields)
    except ValidationError as exc:
        raise RequestValidationError([{**error, "loc": ("form", *error["loc"][:1])} for error in exc.errors()]) from exc


async def _file(form: FormData, settings: ApiSettings) -> SourceFile:
    file = form.get("file")
    if file is None:
        raise Problem(_UNPROCESSABLE, "The source file is missing: send it as the multipart field `file`.")
    if isinstance(file, str) and not file.isascii():
        # The parser has decoded it, in one encoding or in another.
        raise Problem(_UNPROCESSABLE, "file: send it with a file name, as `curl -F file=@program.py` does.")
    name = (file.filename or "") if isinstance(file, UploadFile) else ""
    if len(name) > 255 or any(c in "/\\" or not c.isprintable() for c in name) or name in (".", ".."):
        raise Problem(_UNPROCESSABLE, "The file's name must be a plain name without a path, of at most 255 characters.")
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension and not is_extension(extension):
        raise Problem(_UNPROCESSABLE, "The extension of the file's name must be up to 16 letters or digits.")
    data = await file.read(settings.max_source_bytes + 1) if isinstance(file, UploadFile) else file.encode()
    if len(data) > settings.max_source_bytes:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The file is longer than {settings.max_source_bytes} bytes; send a shorter program.",
        )
    return SourceFile(name, extension, read_source(data))
