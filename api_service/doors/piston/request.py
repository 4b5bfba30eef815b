"""Reads bodies and messages: `execute`, and `init` at the WebSocket. Piston's checks, in its order and words. Pure."""

import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from api_service.doors.piston.runtimes import Runtime, find
from api_service.doors.piston.settings import LIMITS, PistonSettings
from api_service.doors.program import UNNAMED, DoorProgram, SentFile, named, within
from api_service.doors.values import MAX_STRUCTURE
from api_service.http.errors import ApiError, Kind
from api_service.settings import ApiSettings
from shared.common.text import source_paths
from shared.common.text.base64_text import decode
from shared.common.text.json_structure import has_more_structure
from shared.engine_api.run_call.limits import MAX_FILES, check_args, is_allowed

_ENCODINGS: Final = ("base64", "hex", "utf8")
#: Node reads URL-safe base64 too.
_URL_SAFE: Final = str.maketrans("-_", "+/")
_HEX: Final = re.compile("(?:[0-9A-Fa-f]{2})*", re.ASCII)
#: Clients send this as the limit of memory if they want the configured one.
_CONFIGURED: Final = -1
_PROCESSES: Final = 64


@dataclass(frozen=True, slots=True)
class PistonJob:
    """A checked job. `limits` are those in effect, by Piston's names. A limit of 0 or less is none.

    `stdin` is as it was sent. The program that is run is the first source.
    """

    runtime: Runtime
    files: Sequence[SentFile]
    stdin: str = field(repr=False)
    args: tuple[str, ...]
    limits: Mapping[str, float]

    def program(self, output_bytes: int | None = None) -> DoorProgram:
        """Return the program of the job. With `output_bytes`, a stage that writes more to one stream is ended."""
        language = self.runtime.engine_language
        files = named(self.files, language, self.runtime.naming)
        entry = next(file for file in files if file.is_source)
        output = {} if output_bytes is None else {"output_bytes": output_bytes}
        args = [word for word in self.runtime.compiler_args if is_allowed(word, language.compiler_args)]
        fields = {
            "compiler_args": args,
            "compile_limits": self._limits("compile") | output,
            "data_files": [file.path for file in files if not file.is_source],
            "environment": {"HOME": "/tmp", "PISTON_LANGUAGE": self.runtime.name},  # noqa: S108  (that of its box)
            "limits": within(self._limits("run") | {"processes": _PROCESSES} | output, language.limits),
            "output_order": True,
        }
        # An empty program does nothing, but the engine refuses an empty file.
        contents = {file.path: file.data or b"\n" if file is entry else file.data for file in files}
        return DoorProgram(language, contents, entry.path, self.args, fields)

    def engine_request(self, settings: ApiSettings, output_bytes: int | None = None) -> bytes:
        """Return the engine's request of the job. Raise `ApiError` if it has more bytes than this server accepts.

        With `output_bytes`, a stage that writes more to one stream is ended.
        """
        program = self.program(output_bytes)
        if sum(map(len, program.files.values())) > settings.max_source_bytes:
            raise _invalid(f"files may have at most {settings.max_source_bytes} bytes together")
        stdin = self.stdin if self.stdin.endswith("\n") else f"{self.stdin}\n"
        if len(stdin.encode()) > settings.max_input_bytes:
            raise _invalid(f"stdin may have at most {settings.max_input_bytes} bytes")
        return program.engine_request(stdin)

    def _limits(self, stage: str) -> dict[str, float]:
        """Return the limits of a stage by the engine's names, without those of 0 or less."""
        memory, wall, cpu = (self.limits[f"{stage}_{name}"] for name in ("memory_limit", "timeout", "cpu_time"))
        limits = {"memory_bytes": int(memory), "wall_s": wall / 1000, "cpu_s": cpu / 1000}
        return {name: limit for name, limit in limits.items() if limit > 0}


def _invalid(detail: str) -> ApiError:
    return ApiError(Kind.INVALID, detail)


def read_json(text: bytes | str) -> Any:
    """Return the object or list of a JSON text; an empty text counts as `{}`. Raise `ApiError` if it is neither."""
    if has_more_structure(text.encode(errors="replace") if isinstance(text, str) else text, MAX_STRUCTURE):
        raise _invalid("The body has too many keys and values; send fewer.")
    try:
        content = from_json(text, allow_inf_nan=False) if text else {}
    except ValueError as exc:
        raise _invalid(f"The body is not valid JSON: {exc}") from None
    if not isinstance(content, dict | list):
        raise _invalid("The body must be a JSON object or array.")
    return content


def read_job(body: object, runtimes: Sequence[Runtime], settings: PistonSettings) -> PistonJob:
    """Return the job that a body describes. Raise `ApiError` for its first fault."""
    fields = body if isinstance(body, Mapping) else {}
    language, version, files = fields.get("language"), fields.get("version"), fields.get("files")
    if not isinstance(language, str) or not language:
        raise _invalid("language is required as a string")
    if not isinstance(version, str) or not version:
        raise _invalid("version is required as a string")
    if not isinstance(files, list):
        raise _invalid("files is required as an array")
    for position, file in enumerate(files):
        if not isinstance(file, Mapping) or not isinstance(file.get("content"), str):
            raise _invalid(f"files[{position}].content is required as a string")
    runtime = find(runtimes, language, version)
    if runtime is None:
        raise _invalid(f"{language}-{version} runtime is unknown")
    if not any(not file.get("encoding") or file["encoding"] == "utf8" for file in files):
        raise _invalid("files must include at least one utf8 encoded file")
    maxima = settings.maxima(runtime.name)
    limits = {name: _limit(name, fields.get(name), maxima[name]) for name in LIMITS}
    return PistonJob(runtime, read_files(files), _stdin(fields.get("stdin")), _args(fields.get("args")), limits)


def _limit(name: str, value: object, maximum: int) -> float:
    # JavaScript takes an empty list or object for true, so those are refused below.
    if value in (None, "", 0) or (value == _CONFIGURED and name.endswith("memory_limit")):
        return maximum
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise _invalid(f"If specified, {name} must be a number")
    if maximum > 0 and value > maximum:
        raise _invalid(f"{name} cannot exceed the configured limit of {maximum}")
    if maximum > 0 and value < 0:
        raise _invalid(f"{name} must be non-negative")
    return value if value > 0 else maximum


def _stdin(value: object) -> str:
    text = value or ""
    if not isinstance(text, str) or "\0" in text:
        raise _invalid("If specified, stdin must be a string without NUL characters")
    return text


def _args(value: object) -> tuple[str, ...]:
    words = value or []
    if not isinstance(words, list | str) or not all(isinstance(word, str | int | float) for word in words):
        raise _invalid("If specified, args must be an array of strings")
    try:
        return check_args(tuple(str(word).lower() if isinstance(word, bool) else str(word) for word in words))
    except ValueError as exc:
        raise _invalid(f"args cannot be used: {exc}") from None


def read_files(files: Sequence[Mapping[str, Any]]) -> list[SentFile]:
    """Return the files. Raise `ApiError` if a name is not valid, or if there are too many files."""
    if len(files) > MAX_FILES:
        raise _invalid(f"files must have at most {MAX_FILES} entries")
    sent = [_file(position, file) for position, file in enumerate(files)]
    for position, fault in source_paths.faults_of([file.path for file in sent]):
        raise _invalid(f"files[{position}].name cannot be used: {fault}")
    return sent


def _file(position: int, file: Mapping[str, Any]) -> SentFile:
    name = file.get("name") or UNNAMED.format(position)
    if not isinstance(name, str):
        raise _invalid(f"files[{position}].name must be a string")
    encoding = file["encoding"] if file.get("encoding") in _ENCODINGS else "utf8"
    return SentFile(_path(name), _decoded(file["content"], encoding), is_source=encoding == "utf8")


def _path(name: str) -> str:
    """Return the path in the program's folder: `a/b` for `/a/b`. A path that leads out of the folder keeps its `..`."""
    if name.endswith("/"):
        return name  # `faults_of` refuses the name of a folder
    return posixpath.normpath(name.lstrip("/")) if name.strip("/") else name


def _decoded(content: str, encoding: str) -> bytes:
    """Return the bytes of a content. As in Node, wrong characters are skipped in base64, and end the content in hex."""
    match encoding:
        case "base64":
            return decode(content.translate(_URL_SAFE))
        case "hex":
            pairs = _HEX.match(content)
            return bytes.fromhex(pairs[0]) if pairs else b""
    return content.encode()
