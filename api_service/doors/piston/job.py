"""Reads bodies and messages: `execute`, and `init` at the WebSocket. Piston's checks, in its order and words. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from api_service.doors.piston.files import SentFile, check_contents, has_source, read_files
from api_service.doors.piston.runtimes import Runtime, find
from api_service.doors.piston.settings import Maxima, PistonSettings
from api_service.http.problems import Kind, Problem
from shared.engine.run_call import check_args
from shared.text.json_structure import has_more_structure

#: What a JSON text may have outside of its strings (`shared.text.json_structure`).
_MAX_STRUCTURE: Final = 16_384
#: The limits, in the order in which Piston checks them.
_LIMITS: Final = tuple(
    f"{stage}_{limit}" for limit in ("memory_limit", "timeout", "cpu_time") for stage in ("compile", "run")
)
#: Clients send this as the limit of memory if they want the configured one.
_CONFIGURED: Final = -1


@dataclass(frozen=True, slots=True)
class PistonJob:
    """A checked job. `limits` are those in effect, by Piston's names. A limit of 0 or less is none.

    `stdin` is as it was sent. The program that is run is the first source.
    """

    runtime: Runtime
    files: tuple[SentFile, ...]
    stdin: str = field(repr=False)
    args: tuple[str, ...]
    limits: Mapping[str, float]


def read_json(text: bytes | str) -> Any:
    """Return the object or list of a JSON text; an empty text counts as `{}`. Raise `Problem` if it is neither."""
    if has_more_structure(text.encode(errors="replace") if isinstance(text, str) else text, _MAX_STRUCTURE):
        raise Problem(Kind.INVALID, "The body has too many keys and values; send fewer.")
    try:
        content = from_json(text, allow_inf_nan=False) if text else {}
    except ValueError as exc:
        raise Problem(Kind.INVALID, f"The body is not valid JSON: {exc}") from None
    if not isinstance(content, dict | list):
        raise Problem(Kind.INVALID, "The body must be a JSON object or array.")
    return content


def read_job(body: object, runtimes: Sequence[Runtime], settings: PistonSettings) -> PistonJob:
    """Return the job that a body describes. Raise `Problem` for its first fault."""
    fields = body if isinstance(body, Mapping) else {}
    language, version, files = fields.get("language"), fields.get("version"), fields.get("files")
    if not isinstance(language, str) or not language:
        raise Problem(Kind.INVALID, "language is required as a string")
    if not isinstance(version, str) or not version:
        raise Problem(Kind.INVALID, "version is required as a string")
    if not isinstance(files, list):
        raise Problem(Kind.INVALID, "files is required as an array")
    check_contents(files)
    runtime = find(runtimes, language, version)
    if runtime is None:
        raise Problem(Kind.INVALID, f"{language}-{version} runtime is unknown")
    if not has_source(files):
        raise Problem(Kind.INVALID, "files must include at least one utf8 encoded file")
    limits = _limits(fields, settings.maxima(runtime.language))
    return PistonJob(runtime, tuple(read_files(files)), _stdin(fields.get("stdin")), _args(fields.get("args")), limits)


def _limits(fields: Mapping[str, Any], maxima: Maxima) -> dict[str, float]:
    maximum = asdict(maxima)
    return {name: _limit(name, fields.get(name), maximum[name]) for name in _LIMITS}


def _limit(name: str, asked: object, maximum: int) -> float:
    # JavaScript takes an empty list or object for true, so those are refused below.
    if asked in (None, "", 0) or (asked == _CONFIGURED and name.endswith("memory_limit")):
        return maximum
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not _is_float(asked):
        raise Problem(Kind.INVALID, f"If specified, {name} must be a number")
    if maximum > 0 and asked > maximum:
        raise Problem(Kind.INVALID, f"{name} cannot exceed the configured limit of {maximum}")
    if maximum > 0 and asked < 0:
        raise Problem(Kind.INVALID, f"{name} must be non-negative")
    return asked if asked > 0 else maximum


def _is_float(number: float) -> bool:
    """Return True if a number is neither infinite nor too large for a float."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _stdin(asked: object) -> str:
    text = asked or ""
    if not isinstance(text, str) or "\0" in text:
        raise Problem(Kind.INVALID, "If specified, stdin must be a string without NUL characters")
    return text


def _args(asked: object) -> tuple[str, ...]:
    if not isinstance(asked or [], list | str):
        raise Problem(Kind.INVALID, "If specified, args must be an array of strings")
    try:
        return check_args(tuple(_word(word) for word in asked or ()))  # type: ignore[attr-defined]
    except ValueError as exc:
        raise Problem(Kind.INVALID, f"args cannot be used: {exc}") from None


def _word(word: object) -> str:
    if isinstance(word, bool):
        return str(word).lower()
    if isinstance(word, str | int | float):
        return str(word)
    raise Problem(Kind.INVALID, "If specified, args must be an array of strings")
