"""SQL with `:name` parameters, as people write it, into the `$1` of Postgres' protocol."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

# What may hold a colon that begins no parameter comes first: literals, quoted names, comments. `::` is a cast.
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | /\*.*?\*/ | :: | (?<!\w):(?P<name>[a-z_]\w*)""", re.VERBOSE | re.DOTALL
)


def numbered(sql: str, values: Mapping[str, object] | None) -> tuple[str, list[object]]:
    """The statement with `$1`, `$2`, ... and the values in that order; `KeyError` names a value that is missing."""
    text, names = _translated(sql)
    if values is None:
        values = {}
    return text, [values[name] for name in names]


# Statements are constants of the code, so there are few; the bound only keeps a defect from filling the memory.
@lru_cache(maxsize=1024)
def _translated(sql: str) -> tuple[str, tuple[str, ...]]:
    numbers: dict[str, int] = {}

    def replace(token: re.Match[str]) -> str:
        name = token["name"]
        return token[0] if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _TOKEN.sub(replace, sql), tuple(numbers)
