"""Runs that have other input than their submission."""

import json
from typing import Any

import pytest

from shared.engine_api.job_program import ProgramRow
from shared.engine_api.run_call.request import ProgramRequest


@pytest.mark.parametrize(
    ("override", "stdin", "expected"),
    [
        ({}, b"in", b"\xff"),
        ({"stdin": "other"}, b"other", None),
        ({"stdin": "aW4="}, b"aW4=", None),
        ({"args": ["a"]}, b"in", None),
    ],
)
def test_other_input_is_text_where_the_submissions_own_is_in_base64(
    override: dict[str, Any], stdin: bytes, expected: bytes | None
) -> None:
    row = {"id": 1, "spec": {"encoding": "base64"}, "expected_output": "/w==", "override": override}
    program = ProgramRow.model_validate_json(json.dumps(row)).program("py", "aW4=")
    [test] = ProgramRequest.model_validate_json(program.request({"main.py": b"x"})).tests
    assert (test.input(), test.expected()) == (stdin, expected)
