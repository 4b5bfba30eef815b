"""Reads the JSON of bodies and messages. Pure."""

from typing import Any, Final

from pydantic_core import from_json

from api_service.http.problems import Kind, Problem
from shared.text.json_structure import has_more_structure

#: What a text may have outside of its strings (`shared.text.json_structure`).
_MOST_STRUCTURE: Final = 16_384


def read_json(text: bytes | str) -> Any:
    """Return the object or list of a JSON text; an empty text counts as `{}`. Raise `Problem` if it is neither."""
    if has_more_structure(text.encode(errors="replace") if isinstance(text, str) else text, _MOST_STRUCTURE):
        raise Problem(Kind.INVALID, "The body has too many keys and values; send fewer.")
    try:
        content = from_json(text, allow_inf_nan=False) if text else {}
    except ValueError as exc:
        raise Problem(Kind.INVALID, f"The body is not valid JSON: {exc}") from None
    if not isinstance(content, dict | list):
        raise Problem(Kind.INVALID, "The body must be a JSON object or array.")
    return content
