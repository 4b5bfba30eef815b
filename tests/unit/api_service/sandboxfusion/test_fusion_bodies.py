"""The bodies of SandboxFusion's calls, and FastAPI's form of what is wrong with them."""

import json
from typing import Any

import pytest

from api_service.doors.sandboxfusion.request import CodeBody, NotebookBody, Unreadable, read_body

_MIN = {"code": "", "language": "python"}


def _faults(body: bytes) -> list[dict[str, Any]]:
    with pytest.raises(Unreadable) as refused:
        read_body(body, CodeBody)
    return [*refused.value.found]


def test_values_are_read_as_pydantic_does() -> None:
    body = {**_MIN, "run_timeout": "5", "memory_limit_MB": 512.0, "stdin": None, "files": {"a": None}, "more": 1}
    read = read_body(json.dumps(body).encode(), CodeBody)
    assert (read.run_timeout, read.memory_limit_MB, read.compile_timeout, read.files) == (5.0, 512, 10.0, {"a": None})


@pytest.mark.parametrize(
    ("body", "kind", "place"),
    [
        (b"", "missing", ["body"]),
        (b"[]", "model_type", ["body"]),
        (b'{"code": ""}', "missing", ["body", "language"]),
        (b'{"language": "python"}', "missing", ["body", "code"]),
        (b'{"code": "", "language": "python3"}', "literal_error", ["body", "language"]),
        (b'{"code": "", "language": "Python"}', "literal_error", ["body", "language"]),
        (
            b'{"code": "", "language": "python", "memory_limit_MB": 512.5}',
            "int_from_float",
            ["body", "memory_limit_MB"],
        ),
        (b'{"code": "", "language": "python", "run_timeout": null}', "float_type", ["body", "run_timeout"]),
        (b'{"code": "", "language": "python", "files": {"a": 1}}', "string_type", ["body", "files", "a"]),
        (b'{"code": ', "json_invalid", ["body", 0]),
        (b"[" + b"1," * 20_000 + b"1]", "json_invalid", ["body", 0]),
    ],
)
def test_a_fault_has_its_kind_and_place(body: bytes, kind: str, place: list[Any]) -> None:
    [fault] = _faults(body)
    assert (fault["type"], fault["loc"]) == (kind, place)
    assert {"msg", "input"} <= fault.keys()


def test_a_fault_repeats_no_long_value() -> None:
    [fault] = _faults(json.dumps({"code": "x" * 1_000_000}).encode())
    assert len(json.dumps(fault)) < 5_000


def test_a_notebook_has_no_file_that_is_null() -> None:
    with pytest.raises(Unreadable):
        read_body(b'{"cells": [], "files": {"a": null}}', NotebookBody)
