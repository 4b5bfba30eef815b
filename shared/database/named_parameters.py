"""Translates the `:name` parameters of our SQL into the `$1` of Postgres' protocol."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

# Literals, quoted names, comments and casts (`::`) come first: a colon in them begins no parameter.
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | :: | (?<!\w):(?P<name>[a-z_]\w*)""", re.VERBOSE | re.DOTALL
)


def numbered(sql: str, values: Mapping[str, object] | None) -> tuple[str, list[object]]:
    """Return the statement with `$1`, `$2`, ... and its values in order. Raise `KeyError` if one is missing."""
    text, names = _translated(sql)
    if values is None:
        values = {}
    return text, [values[name] for name in names]


# Statements are constants of the code, so there are few. The bound only keeps a bug from filling the memory.
@lru_cache(maxsize=1024)
def _translated(sql: str) -> tuple[str, tuple[str, ...]]:
    numbers: dict[str, int] = {}

    def replace(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _TOKEN.sub(replace, sql), tuple(numbers)
