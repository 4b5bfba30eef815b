"""The bodies of calls about problems: packages, settings and checks.

A package goes through a file, and is never in memory as a whole. A setting that a call does not name stays
as it was, and null takes it back.
"""

import asyncio
import errno
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from io import BufferedRandom
from typing import Annotated, Any, BinaryIO, Final, Literal, cast

from fastapi import Request
from pydantic import Field
from python_multipart.multipart import parse_options_header

from api_service.http.email_address import Address
from api_service.http.errors import ApiError, Fault, Kind, invalid
from api_service.http.integers import MAX_NUMBER
from api_service.http.sentences import as_written
from api_service.languages.catalog import LanguageCatalog
from api_service.problems.storing import ProblemSettings, SentPackage
from api_service.requests.fields import Locale, Seconds, Text, Whole
from api_service.requests.multipart import Form
from api_service.requests.validation import NoQuery, Strict, checked, checked_query, escaped, query_items
from api_service.settings import ApiSettings
from shared.engine_api.codex import LimitBounds

ZIP: Final = "application/zip"
FORM: Final = "multipart/form-data"
TYPES: Final = f"{ZIP}, {FORM}"
#: The part of a form that has the package, and the one that has the settings.
_PACKAGE: Final = "package"
_SETTINGS: Final = "problem"
FORM_BYTES: Final = 256 << 10
_PIECE_BYTES: Final = 1 << 20
_MAX_LANGUAGES: Final = 100


class ProblemLimits(Strict):
    """Limits over those of the package. One that is null is the package's."""

    cpu_s: Seconds | None = Field(default=None, description="CPU seconds.")
    wall_s: Seconds | None = Field(default=None, description="Elapsed seconds.")
    memory_bytes: Whole | None = Field(default=None, description="Of all its processes.")
    output_bytes: Whole | None = Field(default=None, description="Of its standard output.")


class ProblemBody(Strict):
    """The settings of a problem. One that is left out stays as it is; null takes it back."""

    title: Annotated[Text, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="In place of the package's."
    )
    visibility: Literal["private", "shared"] | None = Field(
        default=None, description="`shared`: other keys may see it, without its secrets, and submit to it."
    )
    limits: ProblemLimits | None = None
    language_limits: Annotated[dict[Text, ProblemLimits], Field(max_length=_MAX_LANGUAGES)] | None = Field(
        default=None,
        description="Over `limits`, for a language and its variants.",
        examples=[{"py": {"cpu_s": 6}}],
    )


class CheckBody(Strict):
    """A request to check a version: which one, and where its report goes. Null is the default of every key."""

    version: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = Field(default=None, description="The latest.")
    email: Address | None = Field(default=None, description="The address that the report is mailed to.")
    locale: Locale | None = Field(default=None, description="Of the mail. Null: that of `Accept-Language`, or `en`.")
    webhook_url: Text | None = Field(default=None, description="Where `problem.checked` is posted.")


def settings_of(
    request: Request, content: object, catalog: LanguageCatalog, bounds: Mapping[str, LimitBounds]
) -> ProblemSettings:
    """Return the settings of a JSON value. Raises `ApiError` (422) with all its faults and those of the query."""
    result = checked(ProblemBody, content)
    of_limits = _limit_faults(result.value, catalog, bounds) if result.value else ()
    body = result.valid(of_limits, checked_query(NoQuery, query_items(request))[1])
    given: dict[str, Any] = dict.fromkeys(cast("dict[str, Any]", content))
    given |= {name: value or None for name, value in body.model_dump(exclude_none=True).items()}
    if named := given.get("language_limits"):
        given["language_limits"] = {_code(name, catalog): limits for name, limits in named.items() if limits} or None
    return given


def _code(name: str, catalog: LanguageCatalog) -> str:
    language = catalog.find(name)
    assert language is not None, "its fault was found"
    return language.code


def _limit_faults(body: ProblemBody, catalog: LanguageCatalog, bounds: Mapping[str, LimitBounds]) -> Iterator[Fault]:
    places = {"/limits": body.limits}
    for name, limits in (body.language_limits or {}).items():
        place = f"/language_limits/{escaped(name)}"
        places[place] = limits
        if catalog.find(name) is None:
            yield Fault("This language is not available here.", pointer=place)
    for place, limits_there in places.items():
        for name, value in (limits_there.model_dump(exclude_none=True) if limits_there else {}).items():
            if value > bounds[name].max:
                yield Fault(f"It must be at most {as_written(bounds[name].max)}.", pointer=f"{place}/{name}")


@asynccontextmanager
async def receive_package(request: Request, settings: ApiSettings) -> AsyncIterator[SentPackage]:
    """Yield the package of a request; its file goes after the block. Raises `ApiError`: 400, 413, 415 or 422."""
    content_type = request.headers.get("Content-Type", "")
    media_type, parameters = parse_options_header(content_type)
    kind = media_type.decode("latin-1").lower()
    if kind not in (ZIP, FORM):
        detail = f"The body must be of one of these types: {TYPES}."
        # The body is read to its end, because one that is too large is refused first.
        async for _ in request.stream():
            pass
        raise ApiError(Kind.UNSUPPORTED_TYPE, detail, headers={"Accept": TYPES})
    with tempfile.TemporaryFile(prefix="precieux-package-") as file:
        form = _PackageForm(file, parameters.get(b"boundary")) if kind == FORM else None
        write = form.write if form else file.write
        waiting = bytearray()
        async for piece in request.stream():
            waiting += piece
            if len(waiting) >= _PIECE_BYTES:
                await _write(file, write, bytes(waiting))
                waiting.clear()
                _check_size(file.tell(), settings)
        await _write(file, write, bytes(waiting))
        size = file.tell()
        _check_size(size, settings)
        yield SentPackage(file, size, await asyncio.to_thread(_sha256, file), form.settings() if form else None)


async def _write(file: BinaryIO, write: Callable[[bytes], object], piece: bytes) -> None:
    """Write a piece of a body to its file. Raises `ApiError` (503) if the disk is full."""

    def write_through() -> None:
        write(piece)
        file.flush()

    try:
        await asyncio.to_thread(write_through)
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        raise ApiError(Kind.UNAVAILABLE, "There is no room for the package now; try again in a few minutes.") from None


def _check_size(size: int, settings: ApiSettings) -> None:
    if size > settings.max_package_bytes:
        raise ApiError(Kind.TOO_LARGE, f"The package is over {settings.max_package_bytes} bytes; send less.")


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(cast("BufferedRandom", file), "sha256").hexdigest()


class _PackageForm(Form):
    """A form with the package, which is written to a file, and perhaps the settings."""

    def __init__(self, file: BinaryIO, boundary: bytes | None) -> None:
        super().__init__(boundary)
        self._file = file
        self._others = 0

    def on_data(self, data: bytes, start: int, end: int) -> None:
        if self.name == _PACKAGE:
            self._file.write(memoryview(data)[start:end])
            return
        self._others += end - start
        if self._others > FORM_BYTES:
            raise ApiError(Kind.TOO_LARGE, f"The form has over {FORM_BYTES} bytes beside its package; send less.")
        super().on_data(data, start, end)

    def settings(self) -> bytes | None:
        """Return the part with the settings, after the whole body. Raises `ApiError`: 400 or 422."""
        self.check_end()
        names, allowed = [part.name for part in self.parts], (_PACKAGE, _SETTINGS)
        only, once = "A form has only the parts `package` and `problem`.", "It is there more than once; send it once."
        faults = [Fault(only, pointer=f"/{name[:100]}") for name in names if name not in allowed]
        faults += [Fault(once, pointer=f"/{name}") for name in allowed if names.count(name) > 1]
        if _PACKAGE not in names:
            faults.append(Fault("It is missing; send the zip of the package.", pointer=f"/{_PACKAGE}"))
        if faults:
            raise invalid(faults)
        return next((part.data for part in self.parts if part.name == _SETTINGS), None)
