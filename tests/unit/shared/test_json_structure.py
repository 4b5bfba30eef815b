"""The bound on what a JSON text holds beside its strings."""

import json

import pytest

from shared.json_structure import has_more_structure


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


def test_a_text_at_the_bound_has_no_more() -> None:
    text = b'{"a": [1, "b"]}'
    least = next(most for most in range(100) if not has_more_structure(text, most))
    assert has_more_structure(text, least - 1)
    assert not has_more_structure(bytearray(text), least)
