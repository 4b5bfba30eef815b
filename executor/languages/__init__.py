"""Reads how each language is compiled and run: its file in `shared/engine_api/languages/definitions`.

The keys are those of `base.LanguageDefinition`. The executor checks at start which are installed.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from executor.languages.base import LanguageDefinition
from shared.common.service.errors import ConfigurationError
from shared.engine_api.languages import ALIASES, DEFINITIONS, NAMES

_LISTS: Final = Path(__file__).parent / "lists.toml"


@cache
def known() -> Mapping[str, LanguageDefinition]:
    """Return every language that has a file, by CodeX code. Raises `ConfigurationError` if a file is wrong."""
    return MappingProxyType(read_definitions(DEFINITIONS))


def read_definitions(folder: Path) -> dict[str, LanguageDefinition]:
    """Return the languages of the folder's files. Raises `ConfigurationError`, which names the file and the key."""
    lists = {f"{{{name}}}": words for name, words in tomllib.loads(_LISTS.read_text("utf-8")).items()}
    adapter = TypeAdapter(LanguageDefinition)
    languages = {}
    for file in sorted(folder.glob("*.toml")):
        code = file.stem
        ours = {"title": NAMES[code], "aliases": ALIASES[code]} if code in NAMES else {}
        try:
            table = _expand(tomllib.loads(file.read_text("utf-8")), lists)
            languages[code] = adapter.validate_python({"code": code, **ours, **table})
        except (OSError, ValueError) as exc:
            raise ConfigurationError(f"{file}: {explained(exc)}.") from None
    return languages


def explained(error: Exception) -> str:
    """Return why a file is wrong. If its values are, each is named by its key."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}" for fault in error.errors())


def _expand(value: Any, lists: Mapping[str, list[str]]) -> Any:
    """Return the value with the words of `lists` in place of their names, wherever it has lists."""
    if isinstance(value, dict):
        return {key: _expand(item, lists) for key, item in value.items()}
    if isinstance(value, list):
        return [word for item in value for word in lists.get(str(item), [_expand(item, lists)])]
    return value
