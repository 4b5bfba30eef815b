"""Reads the JSON of bodies and messages. Pure."""

from typing import Any

from pydantic_core import from_json

from api_service.piston.errors import PistonError


def read_json(text: bytes | str) -> Any:
    """Return the object or list of a JSON text; an empty text counts as `{}`. Raise `PistonError` if it is neither."""
    try:
        content = from_json(text, allow_inf_nan=False) if text else {}
    except ValueError as exc:
        raise PistonError(f"The body is not valid JSON: {exc}") from None
    if not isinstance(content, dict | list):
        raise PistonError("The body must be a JSON object or array.")
    return content
