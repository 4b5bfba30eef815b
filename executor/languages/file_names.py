"""Chooses the name of a source's file: the sender's own, if no tool could mistake it for anything else. Pure.

Compilers and interpreters print the file's name, so the sender sees `crash.py` in their messages. It is untrusted. A
name that is not usable is not an error: the file then has its language's usual name.
"""

import re
from collections.abc import Collection
from typing import Final

from executor.languages.base import LanguageDefinition

#: A letter or digit comes first, so that the name is not an option, not hidden, and not special to any tool.
_STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
#: Bytes.
MAX_LENGTH: Final = 64


def usable(sent: str | None, language: LanguageDefinition, reserved: Collection[str]) -> str | None:
    """Return the file name that the sender's own path ends with, or None if the source must not have it.

    `reserved` are names, without extension and in lower case, that mean something else to the language's tools.
    """
    source_file = language.source_file
    if not sent or not source_file.extensions:
        return None
    # The rest of a longer name does not matter, because it is too long in any case.
    name = sent[-MAX_LENGTH - 1 :].replace("\\", "/").rpartition("/")[2]
    stem, _, extension = name.rpartition(".")
    if len(name) > MAX_LENGTH or extension not in source_file.extensions or not _STEM.fullmatch(stem):
        return None
    if stem.lower() in reserved or (source_file.special and source_file.special.search(stem)):
        return None
    return name
