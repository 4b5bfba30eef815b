"""The sentences of faults."""

from api_service.v1.validation import sentence


def test_a_whole_bound_has_no_decimals() -> None:
    assert sentence({"type": "less_than_equal", "ctx": {"le": 60.0}}) == "It must be at most 60."
    assert sentence({"type": "less_than_equal", "ctx": {"le": 0.5}}) == "It must be at most 0.5."
