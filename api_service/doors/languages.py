"""The names that other systems have for our languages. Their clients have them in their code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_TABLE: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "languages.json").read_text())
#: The names of the languages that Judge0 has archived, by ids from 1.
ARCHIVED_BY_JUDGE0: Final[list[str]] = _TABLE["archived by judge0"]


def names_in(system: str) -> Mapping[str, Any]:
    """Return what a system has for each of our languages, by their codes."""
    return {code: names[system] for code, names in _TABLE["languages"].items() if system in names}
