"""Reads a submission off a request: the fields from the form or the query string, the file from the form.

By hand, since FastAPI's own parameters come from one place only, and its parser's limit on a field is below ours.
"""

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


async def read_submission(request: Request, settings: ApiSettings) -> tuple[Upload, SourceFile]:
    """The checked submission; raises `Problem` or `RequestValidationError` for what is wrong with it."""
    _check_charset(request)
    async with _form(request, settings) as form:
        upload = _upload(request, form)
        if len(upload.inputs.encode()) > settings.max_input_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"inputs is longer than {settings.max_input_bytes} bytes."
            )
        return upload, await _file(form, settings)


def _check_charset(request: Request) -> None:
    """Refuse other charsets. The parser would use any of Python's codecs, and some take quadratic time."""
    _, parameters = parse_options_header(request.headers.get("Content-Type", ""))
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The form must be in UTF-8.")


class _form:  # noqa: N801  (a context manager, read as a verb)
    """The parsed form, whose temporary files are gone when the block ends."""

    def __init__(self, request: Request, settings: ApiSettings) -> None:
        self._context = request.form(
            max_files=4, max_fields=32, max_part_size=max(settings.max_input_bytes, 1 << 10) + 1
        )

    async def __aenter__(self) -> FormData:
        try:
            return await self._context.__aenter__()
        except HTTPException as exc:
            too_large = "maximum size" in str(exc.detail)
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus(exc.status_code)
            raise Problem(status, f"The form cannot be read: {exc.detail}") from exc

    async def __aexit__(self, *exc_info: object) -> None:
        await self._context.__aexit__(None, None, None)


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
    if not isinstance(file, UploadFile):
        raise Problem(_UNPROCESSABLE, "The source file is missing: send it as the multipart field `file`.")
    name = file.filename or ""
    if len(name) > 255 or any(c in "/\\" or not c.isprintable() for c in name) or name in (".", ".."):
        raise Problem(_UNPROCESSABLE, "The file's name must be a plain name without a path, of at most 255 characters.")
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension and not is_extension(extension):
        raise Problem(_UNPROCESSABLE, "The extension of the file's name must be up to 16 letters or digits.")
    data = await file.read(settings.max_source_bytes + 1)
    if len(data) > settings.max_source_bytes:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The file is longer than {settings.max_source_bytes} bytes."
        )
    return SourceFile(name, extension, read_source(data))
