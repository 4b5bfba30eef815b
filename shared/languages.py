"""The languages' names: what a client may write, and the code that the CodeX API knows.

How a language is compiled and run is the executor's business (`executor/languages`).
"""

from typing import Final

#: CodeX code -> the names that mean it. Codes of the original first.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "py": ("python", "python3", "py"),
    "java": ("java",),
    "cpp": ("cpp", "c++"),
    "c": ("c",),
    "go": ("go", "golang"),
    "cs": ("cs", "c#", "csharp"),
    "js": ("js", "javascript", "node", "nodejs"),
    "bash": ("bash", "sh", "shell"),
    "rb": ("rb", "ruby"),
    "pl": ("pl", "perl"),
    "php": ("php",),
    "lua": ("lua",),
    "rs": ("rs", "rust"),
    "f90": ("f90", "fortran"),
    "pas": ("pas", "pascal"),
}

_CODES: Final = {alias: code for code, aliases in ALIASES.items() for alias in aliases}


def check_lang(name: str) -> str | None:
    """The CodeX code of a language's name, in any case and with spaces around it; None when nobody knows it."""
    return _CODES.get(name.strip().lower())
