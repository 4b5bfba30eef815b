"""Chooses the name of a source's file: the sender's own if no tool could take it for anything else. Pure.

Compilers and interpreters name the file in what they say, so a sender finds `crash.py` there, as at home. The name is
untrusted. One that is not usable here is no error: the file then has its language's usual name.
"""

import re
from collections.abc import Collection
from typing import Final

from executor.languages.base import Language

#: A letter or digit comes first, so the name is no option, is not hidden, and no tool reads it as anything special.
_STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
#: Bytes. The copies of the C compiler have room for so many (`executor.warm.forked_compiler`).
LONGEST: Final = 64


def usable(sent: str | None, language: Language, reserved: Collection[str]) -> str | None:
    """Return the file name that the sender's own path ends with, or None if the source must not have it.

    `reserved` are names, without extension and in lower case, that mean something else to the language's tools.
    """
    if not sent or not language.extensions:
        return None
    # A name that is longer than any that is usable need not be looked at whole.
    name = sent[-LONGEST - 1 :].replace("\\", "/").rpartition("/")[2]
    stem, _, extension = name.rpartition(".")
    if len(name) > LONGEST or extension not in language.extensions or not _STEM.fullmatch(stem):
        return None
    if stem.lower() in reserved or (language.special and language.special.search(stem)):
        return None
    return name
