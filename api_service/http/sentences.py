"""Sentences for the errors of pydantic. They speak of JSON, and say what to do."""

from collections.abc import Mapping
from typing import Any, Final

MISSING: Final = "It is missing; send it with the request."
_OBJECT: Final = "It must be an object."
_WHOLE: Final = "It must be a whole number."
_NUMBER: Final = "It must be a number."
_SENTENCES: Final = {
    "missing": MISSING,
    "extra_forbidden": "There is no such key or parameter; check the spelling, or leave it out.",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "list_type": "It must be a list.",
    "string_type": "It must be a string.",
    "string_unicode": "It must not contain lone surrogates (half of a UTF-16 pair).",
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "It has too many digits; send a smaller number.",
    "float_type": _NUMBER,
    "finite_number": "It must be a finite number.",
    "bool_type": "It must be true or false.",
    "datetime_type": "It must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z.",
    "literal_error": "It must be one of {expected}.",
    "enum": "It must be one of {expected}.",
    "greater_than": "It must be greater than {gt}.",
    "greater_than_equal": "It must be at least {ge}.",
    "less_than": "It must be less than {lt}.",
    "less_than_equal": "It must be at most {le}.",
    "too_short": "It must have at least {min_length} entries.",
    "too_long": "It must have at most {max_length} entries.",
    "string_too_short": "It must have at least {min_length} characters.",
    "string_too_long": "It must have at most {max_length} characters.",
    "string_pattern_mismatch": "It must match the pattern {pattern}.",
}


def as_written(value: object) -> object:
    """Return a whole number without its decimals, and any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sentence(error: Mapping[str, Any]) -> str:
    """Return what is wrong, and what to do, as a sentence."""
    context = error.get("ctx", {})
    if error["type"] in _SENTENCES:
        return _SENTENCES[error["type"]].format(**{name: as_written(value) for name, value in context.items()})
    text = str(context["error"]) if error["type"] == "value_error" else str(error["msg"])
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
