"""Parses JSON texts, with faults that a sender understands. Pure."""

import json
from collections import Counter
from typing import Final, NoReturn

from api_service.http.errors import ApiError, Fault, Kind, invalid
from shared.common.text.json_structure import has_more_structure

#: What a JSON text may have outside of its strings (`shared.common.text.json_structure`). The largest submission has a
#: hundred tests with all their keys and 256 arguments each.
MAX_STRUCTURE: Final = 131_072
#: How deep objects and lists may be nested. Python's parser would raise RecursionError at about a thousand.
_DEEPEST: Final = 100
_TOO_DEEP: Final = f"The body is nested more than {_DEEPEST} levels deep; send a flatter one."


def parse_json(body: bytes, max_structure: int = MAX_STRUCTURE) -> object:
    """Return the value of a JSON text in UTF-8.

    Raise `ApiError`: 400 if it is no JSON, 422 if a name comes twice, or if it has more than `max_structure`
    (`shared.common.text.json_structure`).
    """
    if has_more_structure(body, max_structure):
        raise invalid([Fault("It has too many keys and values; send fewer in one request.", pointer="")])
    try:
        # Editors of Windows put a byte order mark before the text, which a parser may ignore (RFC 8259, section 8.1).
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ApiError(Kind.MALFORMED_BODY, "The body is not in UTF-8; send JSON in UTF-8.") from None
    repeated: list[str] = []

    def without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
        content = dict(pairs)
        if len(content) < len(pairs):
            repeated.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return content

    try:
        content: object = json.loads(text, parse_constant=_no_constant, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise ApiError(Kind.MALFORMED_BODY, f"The body is not JSON at {where}; send valid JSON.") from None
    except ValueError:
        raise ApiError(Kind.MALFORMED_BODY, "A number in the body has too many digits; send a smaller one.") from None
    except RecursionError:
        raise ApiError(Kind.MALFORMED_BODY, _TOO_DEEP) from None
    if _is_deeper(content, _DEEPEST):
        raise ApiError(Kind.MALFORMED_BODY, _TOO_DEEP)
    if repeated:
        raise invalid([Fault(f"The name {repeated[0]!a} is there twice in one object; send it once.", pointer="")])
    return content


def _no_constant(name: str) -> NoReturn:
    raise ApiError(
        Kind.MALFORMED_BODY, f"The body is not JSON, because {name} is no number there; send a number or null."
    )


def _is_deeper(content: object, levels: int) -> bool:
    """Return True if objects and lists are nested more than `levels` deep. It goes level by level, for speed."""
    level = [content] if isinstance(content, dict | list) else []
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
