"""The names of the languages: those that a client may write, those for people, and the codes of the CodeX API.

`executor/languages` compiles and runs them.
"""

from pathlib import Path
from typing import Final

#: Where each language is described by a file, `CODE.toml`.
DEFINITIONS: Final = Path(__file__).parent / "definitions"

#: CodeX code -> the name of the language for people, and the names that a client may write. The codes of the original
#: come first.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "py": ("Python", "python", "python3", "py"),
    "java": ("Java", "java"),
    "cpp": ("C++", "cpp", "c++"),
    "c": ("C", "c"),
    "go": ("Go", "go", "golang"),
    "cs": ("C#", "cs", "c#", "csharp"),
    "js": ("JavaScript", "js", "javascript", "node", "nodejs"),
    "ts": ("TypeScript", "ts", "typescript"),
    "deno": ("TypeScript (Deno)", "deno"),
    "bun": ("TypeScript (Bun)", "bun"),
    "coffee": ("CoffeeScript", "coffee", "coffeescript"),
    "bash": ("Bash", "bash", "sh", "shell"),
    "dash": ("Dash", "dash"),
    "zsh": ("Zsh", "zsh"),
    "awk": ("AWK", "awk", "gawk"),
    "rb": ("Ruby", "rb", "ruby"),
    "pl": ("Perl", "pl", "perl"),
    "php": ("PHP", "php"),
    "lua": ("Lua", "lua"),
    "luajit": ("LuaJIT", "luajit"),
    "pypy": ("PyPy", "pypy", "pypy3"),
    "tcl": ("Tcl", "tcl", "tclsh"),
    "sql": ("SQL", "sql", "sqlite", "sqlite3"),
    "rs": ("Rust", "rs", "rust"),
    "zig": ("Zig", "zig"),
    "d": ("D", "d", "dlang", "ldc"),
    "cr": ("Crystal", "cr", "crystal"),
    "vala": ("Vala", "vala"),
    "clang": ("C (Clang)", "clang"),
    "clangpp": ("C++ (Clang)", "clangpp", "clang++"),
    "tcc": ("C (TinyCC)", "tcc", "tinycc"),
    "ll": ("LLVM IR", "ll", "llvm", "llvm_ir"),
    "asm": ("Assembly", "asm", "assembly", "nasm", "nasm64"),
    "f90": ("Fortran", "f90", "fortran"),
    "pas": ("Pascal", "pas", "pascal"),
    "adb": ("Ada", "adb", "ada"),
    "a68": ("Algol 68", "a68", "algol68"),
    "cob": ("COBOL", "cob", "cobol"),
    "bas": ("Yabasic", "bas", "basic", "yabasic"),
    "kt": ("Kotlin", "kt", "kotlin"),
    "scala": ("Scala", "scala"),
    "groovy": ("Groovy", "groovy"),
    "clj": ("Clojure", "clj", "clojure"),
    "lisp": ("Common Lisp", "lisp", "sbcl", "commonlisp", "common-lisp"),
    "scm": ("Scheme", "scm", "scheme", "guile"),
    "rkt": ("Racket", "rkt", "racket"),
    "el": ("Emacs Lisp", "el", "elisp", "emacs"),
    "ml": ("OCaml", "ml", "ocaml"),
    "hs": ("Haskell", "hs", "haskell", "ghc"),
    "erl": ("Erlang", "erl", "erlang"),
    "exs": ("Elixir", "exs", "ex", "elixir"),
    "prolog": ("Prolog", "prolog", "swipl", "swi-prolog"),
    "gprolog": ("GNU Prolog", "gprolog", "gnu-prolog"),
    "r": ("R", "r", "rscript"),
    "octave": ("Octave", "octave", "matlab"),
    "raku": ("Raku", "raku", "perl6"),
    "bc": ("bc", "bc"),
    "v": ("Verilog", "v", "verilog", "iverilog"),
    "bf": ("Brainfuck", "bf", "brainfuck"),
}
#: The names of each language that a client may write, by its code.
ALIASES: Final = {code: names[1:] for code, names in _NAMES.items()}
#: The names of the languages by their codes, as people write them.
NAMES: Final = {code: name for code, (name, *_) in _NAMES.items()}

_POSITIONS: Final = {code: position for position, code in enumerate(ALIASES)}
_CODES: Final = {alias: code for code, aliases in ALIASES.items() for alias in aliases}


def check_lang(name: str) -> str | None:
    """Return the CodeX code of a language's name; None if it is unknown. Case and outer spaces do not matter."""
    return _CODES.get(name.strip().lower())


def name_of(language: str) -> str:
    """Return the name of a language by one of its aliases; an unknown one is returned as it is."""
    return NAMES.get(check_lang(language) or language, language)


def position_of(code: str) -> int:
    """Return the position of a language in the table of names. Unknown languages come last."""
    return _POSITIONS.get(code, len(_POSITIONS))
