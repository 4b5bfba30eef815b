"""Parses `multipart/form-data` (RFC 7578). Pure.

Starlette's parser cannot be used: it reads text that is not in UTF-8 as Latin-1, and a form that ends too early as one
that is complete.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api_service.http.errors import ApiError, Fault, Kind, invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

#: The most parts of a form. Each costs memory, however small it is.
MAX_PARTS: Final = 1000
_UNREADABLE: Final = "The form cannot be read; send it as an HTTP client makes it."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form. `filename` is None if it is a plain field."""

    name: str
    filename: str | None
    data: bytes = field(repr=False)

    def text(self) -> str:
        """Return the part's text. Raises `ApiError` (400) if it is not in UTF-8."""
        return _decoded(self.data, f"The field {self.name[:100]!a}")


def read_parts(body: bytes, content_type: str, *, is_whole: bool = True) -> list[Part]:
    """Return the parts of a form in their order. Raises `ApiError`: 400 if it is no form, 422 if it has too many parts.

    Unless the body `is_whole`, the parts are those that end within it.
    """
    form = Form(parse_options_header(content_type)[1].get(b"boundary"))
    form.write(body)
    if is_whole:
        form.check_end()
    return form.parts


class Form:
    """The parts found so far, and the current part, whose `name` comes before its data."""

    def __init__(self, boundary: bytes | None) -> None:
        if not boundary:
            raise _malformed("The Content-Type names no boundary; send the form as an HTTP client makes it.")
        self.parts: list[Part] = []
        self._has_ended = False
        self._start()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._start,
            "on_part_data": self.on_data,
            "on_part_end": self._finish,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header,
            "on_headers_finished": self._headers_end,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError:  # its boundary is too long
            raise _malformed(_UNREADABLE) from None

    def write(self, data: bytes) -> None:
        """Parse more of the body. Raises `ApiError`: 400 if it is no form, 422 if it has too many parts."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _malformed(_UNREADABLE) from None

    def check_end(self) -> None:
        """Raise `ApiError` (400) unless the form has ended."""
        if not self._has_ended:
            raise _malformed("The form ends too early: its last boundary is missing.")

    def _start(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise invalid([Fault(f"The form has more than {MAX_PARTS} parts.", pointer="")])
        self._headers: dict[bytes, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()
        self._pieces = bytearray()
        self.name = ""
        self._filename: str | None = None

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition"))
        if disposition != b"form-data" or b"name" not in options:
            raise _malformed("A part of the form has no name; send it as an HTTP client makes it.")
        self.name = _decoded(options[b"name"], "The name of a part")
        filename = options.get(b"filename")
        self._filename = None if filename is None else _decoded(filename, "The name of a file")

    def on_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces += memoryview(data)[start:end]

    def _finish(self) -> None:
        self.parts.append(Part(self.name, self._filename, bytes(self._pieces)))

    def _end(self) -> None:
        self._has_ended = True


def _malformed(sentence: str) -> ApiError:
    return ApiError(Kind.MALFORMED_BODY, sentence)


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed(f"{what} is not in UTF-8; send the form in UTF-8.") from None
