"""Reads the requests of both calls, CodeX's and `POST /run`, and writes their answers. Pure."""

import json
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError
from pydantic_core import from_json

from executor import limits
from executor.catalogue.installed import Installed
from executor.pipeline import results
from executor.pipeline.plan import commands_of, program_of
from executor.settings import ExecutorSettings
from executor.unit_tests.frameworks import frameworks_of
from shared.common.text.json_structure import has_more_structure
from shared.engine_api.codex import (
    ALIVE_HEADER,
    LanguageLibrary,
    LanguageList,
    LanguageVariant,
    RunRequest,
    RunResponse,
    SupportedLanguage,
    Verdict,
)
from shared.engine_api.run_call.events import AnyEvent
from shared.engine_api.run_call.request import RUN_CALL, RUN_KEYS, ProgramRequest

#: The fields of a request that are read. All others are ignored.
_FIELDS = frozenset({"inputs", *RunRequest.model_fields})
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What a JSON text may have outside of its strings (`shared.common.text.json_structure`).
_MAX_STRUCTURE = 16384
#: The same for `POST /run`, with its lists of files, tests and arguments.
_MAX_PROGRAM_STRUCTURE = 131_072


class BadRequest(Exception):
    """The client's mistake: an HTTP status, and one sentence for the answer's `error`."""

    def __init__(self, error: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, language: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.language = language


def parse_json(body: bytes | bytearray) -> RunRequest:
    _check_structure(body, _MAX_STRUCTURE)
    try:
        content = _load(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise BadRequest("The body must be a JSON object.")
    return _validate(content)


def parse_program(body: bytes | bytearray) -> ProgramRequest:
    """Return the request of a body of `POST /run`."""
    _check_structure(body, _MAX_PROGRAM_STRUCTURE)
    try:
        return ProgramRequest.model_validate_json(body)
    except ValidationError as exc:
        raise _as_refusal(exc) from None


def alive_seconds(header: str | None) -> int:
    """Return the seconds between two signs of life that a client asks for; 0 if it does not."""
    if header and not re.fullmatch("[1-9]|[1-5][0-9]|60", header):
        raise BadRequest(f"`{ALIVE_HEADER}` must be 1 to 60.", HTTPStatus.UNPROCESSABLE_ENTITY)
    return int(header or 0)


def _check_structure(body: bytes | bytearray, maximum: int) -> None:
    if has_more_structure(body, maximum):
        raise BadRequest("The body has too many fields.")


def _load(body: bytes | bytearray) -> Any:
    try:
        # Unlike `json`, it does not decode the whole body first, which may take four times the memory of the bytes.
        return from_json(body)
    except ValueError:
        return json.loads(body)  # it accepts lone surrogates, which `_whole` replaces


def parse_urlencoded(body: bytes | bytearray) -> RunRequest:
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=100)
    except ValueError:
        raise BadRequest("The form has too many fields.") from None
    return parse_form(dict(pairs))


def parse_form(fields: dict[str, str]) -> RunRequest:
    """Return the request of a form. Its fields are text, and pydantic converts the numbers."""
    return _validate({name: value for name, value in fields.items() if value or name in ("code", "input", "inputs")})


def _validate(content: dict[str, Any]) -> RunRequest:
    # A missing text counts as an empty one, as in the original. `app` rejects empty code with the original's status.
    fields = {name: _whole(value) for name, value in content.items() if name in _FIELDS and value is not None}
    for name in ("code", "language"):
        fields.setdefault(name, "")
    try:
        return RunRequest.model_validate(fields)
    except ValidationError as exc:
        raise _as_refusal(exc) from None


def _as_refusal(wrong: ValidationError) -> BadRequest:
    first = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return BadRequest("The body is not valid JSON.")
    name = ".".join(str(part) for part in first["loc"])
    fault = first["msg"].removeprefix("Value error, ").rstrip(".")
    return BadRequest(f"{f'`{name}`' if name else 'The request'} is wrong: {fault}.", HTTPStatus.UNPROCESSABLE_ENTITY)


def _whole(value: Any) -> Any:
    """Replace lone surrogates, which UTF-8 cannot hold, with U+FFFD."""
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def refusal(status: int, error: str, language: str = "", verdict: Verdict | None = None) -> RunResponse:
    return RunResponse(timeStamp=results.now_ms(), status=status, error=error, language=language, verdict=verdict)


def line(event: AnyEvent) -> bytes:
    """Return the event as a line of the answer to `POST /run`."""
    return event.model_dump_json().encode() + b"\n"


def language_list(installed: dict[str, Installed], settings: ExecutorSettings) -> LanguageList:
    return LanguageList(
        timeStamp=results.now_ms(),
        supportedLanguages=[describe(language, settings) for language in installed.values()],
        instance=results.INSTANCE,
        calls=[RUN_CALL, *RUN_KEYS],
    )


def describe(installed: Installed, settings: ExecutorSettings) -> SupportedLanguage:
    """Return the entry of a language, with the commands for a program of the usual name."""
    language, compile_ = installed.language, installed.language.compile
    bounds = limits.bounds(limits.settings_for_language(settings, language.needs))
    usual = program_of(RunRequest(code="", language=language.code), installed)
    compile_command, run = commands_of(usual, installed, int(bounds["memory_bytes"].default)).for_a_shell()
    return SupportedLanguage(
        language=language.code,
        info=installed.info,
        name=language.title,
        version=installed.version,
        aliases=list(language.aliases),
        compile=compile_command,
        run=run,
        extensions=[f".{extension}" for extension in language.extensions],
        compiled=compile_ is not None,
        compiler_args=list(compile_.allowed) if compile_ else [],
        sample=language.sample,
        fault=installed.any_fault,
        source=installed.source,
        released=installed.released,
        limits=bounds,
        variants=[
            LanguageVariant(code=variant.code, name=variant.name, version=variant.version)
            for variant in installed.variants.values()
        ],
        libraries=[
            LanguageLibrary(name=library.name, version=library.version)
            for library in installed.libraries
            if not library.fault
        ],
        unit_tests=frameworks_of(installed),
    )
