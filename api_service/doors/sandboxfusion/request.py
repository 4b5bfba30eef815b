"""Reads the bodies of `run_code` and `run_jupyter` as SandboxFusion's FastAPI does, with its form of 422. Pure."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api_service.doors.values import MAX_STRUCTURE
from api_service.http.errors import ApiError, Kind, cut
from shared.common.text.json_structure import has_more_structure

#: The most faults of an answer, and the most characters of a value that it repeats.
_MAX_FAULTS: Final = 100
_MAX_INPUT: Final = 16_384

Name: TypeAlias = Literal[
    "python", "cpp", "nodejs", "go", "go_test", "java", "php", "csharp", "bash", "typescript", "sql", "rust", "cuda",
    "lua", "R", "perl", "D_ut", "ruby", "scala", "julia", "pytest", "junit", "kotlin_script", "jest", "verilog",
    "python_gpu", "lean", "swift", "racket",
]  # fmt: skip


class Unreadable(ApiError):
    """A body that is not valid (422). `found` is the `detail` of the answer."""

    def __init__(self, found: Sequence[dict[str, Any]]) -> None:
        super().__init__(Kind.INVALID, "The body is not valid.")
        self.found = found


class NotRunnable(Exception):
    """A request that no repeat can mend. The text is a sentence for its sender."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True)

    memory_limit_MB: int = -1  # noqa: N815  (its name on the wire)
    fetch_files: list[str] = []


class CodeBody(_Body):
    """Body of `run_code`. Times are in seconds. A memory limit of 0 or less is none."""

    code: str = Field(repr=False)
    language: Name
    run_timeout: float = 10
    compile_timeout: float = 10
    stdin: str | None = Field(default=None, repr=False)
    files: dict[str, str | None] = Field(default={}, repr=False)


class NotebookBody(_Body):
    """Body of `run_jupyter`. `cell_timeout` is not enforced, as in SandboxFusion."""

    cells: list[str] = Field(repr=False)
    total_timeout: float = 45
    cell_timeout: float = 0
    kernel: Literal["python3"] = "python3"
    files: dict[str, str] = Field(default={}, repr=False)


BodyT = TypeVar("BodyT", CodeBody, NotebookBody)


def read_body(body: bytes, model: type[BodyT]) -> BodyT:
    """Return what a body says. Raises `Unreadable` with all of its faults."""
    if not body:
        raise Unreadable([{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
    if has_more_structure(body, MAX_STRUCTURE):
        raise Unreadable([_of_json("It has too many keys and values")])
    try:
        return model.model_validate_json(body)
    except ValidationError as exc:
        faults = exc.errors(include_url=False)
        if faults[0]["type"] == "json_invalid":
            raise Unreadable([_of_json(faults[0]["ctx"]["error"])]) from None
        raise Unreadable([_shown(dict(fault)) for fault in faults[:_MAX_FAULTS]]) from None


def _of_json(error: str) -> dict[str, Any]:
    fault = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}}
    return {**fault, "ctx": {"error": error}}


def _shown(fault: dict[str, Any]) -> dict[str, Any]:
    """Return a fault as FastAPI shows it. A long value is cut, because the sender knows it."""
    fault["loc"] = ["body", *fault["loc"]]
    text = json.dumps(fault["input"])
    if len(text) > _MAX_INPUT:
        fault["input"] = cut(text)
    return fault
