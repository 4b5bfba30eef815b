"""Reads the names and contents of a job's files as Piston does. Pure."""

import base64
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from api_service.http.problems import Kind, Problem
from shared.engine.run_call import MAX_FILES
from shared.text import source_paths

_ENCODINGS: Final = ("base64", "hex", "utf8")
_NOT_BASE64: Final = re.compile("[^A-Za-z0-9+/]")
_HEX: Final = re.compile("(?:[0-9A-Fa-f]{2})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a job. Only one that `is_source` may be compiled or run."""

    path: str
    data: bytes = field(repr=False)
    is_source: bool


def check_contents(files: Sequence[Any]) -> None:
    """Raise `Problem` for the first file without a text as its content."""
    for position, file in enumerate(files):
        if not isinstance(file, Mapping) or not isinstance(file.get("content"), str):
            raise Problem(Kind.INVALID, f"files[{position}].content is required as a string")


def has_source(files: Sequence[Mapping[str, Any]]) -> bool:
    """Return True if a file may be compiled or run."""
    return any(not file.get("encoding") or file["encoding"] == "utf8" for file in files)


def read_files(files: Sequence[Mapping[str, Any]]) -> list[SentFile]:
    """Return the files. Raise `Problem` if a name is not valid, or if there are too many files."""
    if len(files) > MAX_FILES:
        raise Problem(Kind.INVALID, f"files must have at most {MAX_FILES} entries")
    sent = [_file(position, file) for position, file in enumerate(files)]
    for position, fault in source_paths.faults_of([file.path for file in sent]):
        raise Problem(Kind.INVALID, f"files[{position}].name cannot be used: {fault}")
    return sent


def _file(position: int, file: Mapping[str, Any]) -> SentFile:
    name = file.get("name") or f"file{position}.code"
    if not isinstance(name, str):
        raise Problem(Kind.INVALID, f"files[{position}].name must be a string")
    encoding = file["encoding"] if file.get("encoding") in _ENCODINGS else "utf8"
    return SentFile(_path(name), _decoded(file["content"], encoding), is_source=encoding == "utf8")


def _path(name: str) -> str:
    """Return the path in the program's folder: `a/b` for `/a/b`. A path that leads out of the folder keeps its `..`."""
    if name.endswith("/"):
        return name  # `fault_of` refuses the name of a folder
    return posixpath.normpath(name.lstrip("/")) if name.strip("/") else name


def _decoded(content: str, encoding: str) -> bytes:
    """Return the bytes of a content. As in Node, wrong characters are skipped in base64, and end the content in hex."""
    match encoding:
        case "base64":
            digits = _NOT_BASE64.sub("", content.partition("=")[0].translate({ord("-"): "+", ord("_"): "/"}))
            digits = digits[:-1] if len(digits) % 4 == 1 else digits
            return base64.b64decode(digits + "=" * (-len(digits) % 4))
        case "hex":
            pairs = _HEX.match(content)
            return bytes.fromhex(pairs[0]) if pairs else b""
        case _:
            return content.encode()
