"""Finds the file name that javac wants, and the class that java must start. Pure.

The text is untrusted, and is read outside of any sandbox. So it is read once, from left to right, and up to a bound. No
pattern backtracks, because the quantifiers are possessive.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

_COMMENT: Final = r"//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?"
_GAP: Final = rf"(?:\s++|{_COMMENT})"
_NAME: Final = r"[^\W\d][\w$]*+"
#: The tokens of a Java source that matter. Comments, text blocks, strings and characters hide their content. Keywords
#: begin with a letter and look behind afterwards, so that the matcher can skip other characters quickly.
_TOKEN: Final = re.compile(
    rf"""
      {_COMMENT}
    | \"\"\"(?:[^\\"]++|\\.|"(?!""))*+(?:\"\"\")?
    | "(?:[^"\\\n]++|\\.)*+"?
    | '(?:[^'\\\n]++|\\.)*+'?
    | (?P<mark>[{{}};])
    | p(?<!\wp)ackage{_GAP}++(?P<package>\w++(?:{_GAP}*+\.{_GAP}*+\w++)*+){_GAP}*+;
    | (?P<public>p(?<!\wp)ublic\b)
    | (?:c(?<!\wc)lass|i(?<!\wi)nterface|e(?<!\we)num|r(?<!\wr)ecord){_GAP}++(?P<type>{_NAME})
    | (?P<main>v(?<!\wv)oid{_GAP}++main{_GAP}*+\()
    """,
    re.DOTALL | re.VERBOSE,
)
#: Characters and tokens that are read; ten thousand lines have fewer. The rest of a longer source is ignored. If `main`
#: is there, it is assumed to be in the public type, or in the first.
_MAX_CHARACTERS, _MAX_TOKENS = 1 << 19, 50_000
#: The most bytes of the file's name without .java, and of the main class's qualified name.
_MAX_STEM, _MAX_CLASS = 250, 2048


@dataclass
class _Type:
    """A top-level type. `has_main` is True if the type, or a type within it, has a `main` method."""

    name: str
    is_public: bool
    has_main: bool = False


def find_main(source: str) -> tuple[str, str]:
    """Return the name that javac requires of the file (without .java), and the qualified name of the class with `main`.

    If several classes have one, the public one counts, then the first. The file is called Main if it has no type, or if
    the name would be too long.
    """
    package, types = _read(source)
    public = next((type_.name for type_ in types if type_.is_public), None)
    with_main = [type_ for type_ in types if type_.has_main]
    main = next((type_.name for type_ in with_main if type_.is_public), with_main[0].name if with_main else None)
    stem = public or main or (types[0].name if types else "Main")
    main_class = f"{package}.{main or stem}" if package else main or stem
    if len(stem.encode()) > _MAX_STEM or len(main_class.encode()) > _MAX_CLASS:
        return "Main", "Main"  # javac reports it to the author
    return stem, main_class


def _read(source: str) -> tuple[str, list[_Type]]:
    """Return the package, empty if there is none, and the top-level types."""
    package = ""
    types: list[_Type] = []
    depth = 0
    is_public = False
    declared: _Type | None = None  # its body has not begun
    for token in islice(_TOKEN.finditer(source, 0, _MAX_CHARACTERS), _MAX_TOKENS):
        kind, text = token.lastgroup, token[token.lastgroup or 0]
        if kind == "mark":
            if text == "{":
                depth += 1
                if depth == 1 and declared:
                    types.append(declared)
            elif text == "}":
                depth = max(depth - 1, 0)
            if depth == 0 and (text == ";" or (text == "}" and declared)):
                declared, is_public = None, False
        elif kind == "main":
            if depth and declared:
                declared.has_main = True
        elif kind == "package":
            package = package or re.sub(_GAP, "", text)
        elif depth == 0 and declared is None:
            if kind == "public":
                is_public = True
            elif kind == "type":
                declared = _Type(text, is_public)
    return package, types
