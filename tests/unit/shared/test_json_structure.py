"""The bound on what a JSON text holds beside its strings."""

import json
from bisect import bisect_left
from typing import Any

import pytest

from api_service.settings import ApiSettings
from api_service.v1.body import batch
from shared.common.text.json_structure import has_more_structure


@pytest.mark.parametrize(
    "text",
    ['"' + "x[{,:" * 1000 + '"', '"' + '\\"[' * 1000 + '"', json.dumps([[1]], indent=1000), '{"a": "' + "{" * 1000],
)
def test_strings_and_white_space_are_no_structure(text: str) -> None:
    assert not has_more_structure(text.encode(), 20)


@pytest.mark.parametrize("unit", ["[],", "{},", "0,", '"",', '{"":0},', "[", '\n"",', '"\\"",'])
def test_values_are_structure_each(unit: str) -> None:
    assert has_more_structure(unit.encode() * 1000, 999)
    assert not has_more_structure(unit.encode() * 10, 999)


def structure_of(text: bytes) -> int:
    """Return the least bound that the text keeps."""
    return bisect_left(range(len(text)), True, key=lambda most: not has_more_structure(text, most))


def test_a_text_at_the_bound_has_no_more() -> None:
    text = b'{"a": [1, "b"]}'
    least = structure_of(text)
    assert has_more_structure(text, least - 1)
    assert not has_more_structure(bytearray(text), least)


@pytest.mark.parametrize(("layout", "more"), [({}, 1), ({"indent": 4}, 5)], ids=["usual", "indented"])
def test_the_layout_of_a_text_hardly_counts(layout: dict[str, Any], more: int) -> None:
    tests = [{"stdin": "1", "weight": 1.5, "args": ["a", "b"], "limits": {}}] * 100
    compact = json.dumps(tests, separators=(",", ":")).encode()
    assert structure_of(json.dumps(tests, **layout).encode()) <= structure_of(compact) + more * len(tests)


def test_a_batch_that_is_full_of_short_tests_is_read() -> None:
    one = {"language": "py", "source": "print(1)", "tests": [{"stdin": "1\n", "expected_output": "2\n"}] * 52}
    body = json.dumps({"submissions": [one] * 1000}, separators=(",", ":")).encode()
    largest = ApiSettings().largest_body_bytes
    assert 0.98 * largest < len(body) < largest
    assert not has_more_structure(body, batch._MAX_STRUCTURE)
