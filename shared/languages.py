"""The names of the languages: those that a client may write, those for people, and the codes of the CodeX API.

`executor/languages` compiles and runs them.
"""

from typing import Final

#: The names of each language by its CodeX code. The original's codes come first.
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

#: The names of the languages by their codes, as people write them.
NAMES: Final[dict[str, str]] = {
    "py": "Python",
    "java": "Java",
    "cpp": "C++",
    "c": "C",
    "go": "Go",
    "cs": "C#",
    "js": "JavaScript",
    "bash": "Bash",
    "rb": "Ruby",
    "pl": "Perl",
    "php": "PHP",
    "lua": "Lua",
    "rs": "Rust",
    "f90": "Fortran",
    "pas": "Pascal",
}

_CODES: Final = {alias: code for code, aliases in ALIASES.items() for alias in aliases}


def check_lang(name: str) -> str | None:
    """Return the CodeX code of a language's name; None if it is unknown. Case and outer spaces do not matter."""
    return _CODES.get(name.strip().lower())


def name_of(language: str) -> str:
    """Return the name of a language by one of its aliases; an unknown one is returned as it is."""
    return NAMES.get(check_lang(language) or language, language)
