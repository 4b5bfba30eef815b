"""Piston's names of the languages, by our codes. Clients have these names in their code. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Naming(Enum):
    """Selects the sources that get the language's extension if their names lack one: none, the entry, or all.

    Clients often send no names. Interpreters run a file of any name, but most compilers do not.
    """

    AS_SENT = "as sent"
    MAIN = "main"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class PistonLanguage:
    """A language in Piston. `runtime` is the package that provides several languages; None if it has its own package.

    `compiles` is True if Piston has a separate compile step for it. `compiler_args` are the options
    that Piston's package sets.
    """

    name: str
    aliases: tuple[str, ...] = ()
    runtime: str | None = None
    compiles: bool = True
    naming: Naming = Naming.MAIN
    compiler_args: tuple[str, ...] = ()


def _script(name: str, *aliases: str, runtime: str | None = None) -> PistonLanguage:
    """Return a language whose interpreter runs a file of any name."""
    return PistonLanguage(name, aliases, runtime, compiles=False, naming=Naming.AS_SENT)


#: Our code -> the language in Piston. A missing language has its code as its name, and our aliases.
LANGUAGES: Final[dict[str, PistonLanguage]] = {
    "py": _script("python", "py", "py3", "python3"),
    "js": _script("javascript", "node-javascript", "node-js", "javascript", "js", runtime="node"),
    "bash": _script("bash", "sh"),
    "rb": _script("ruby", "ruby3", "rb"),
    "pl": _script("perl", "pl"),
    "php": _script("php"),
    "lua": _script("lua"),
    "java": PistonLanguage("java", compiles=False, naming=Naming.AS_SENT),
    "go": PistonLanguage("go", ("go", "golang"), compiles=False),
    "rs": PistonLanguage("rust", ("rs",), naming=Naming.AS_SENT),
    "c": PistonLanguage("c", ("gcc",), "gcc", naming=Naming.ALL, compiler_args=("-std=c11",)),
    "cpp": PistonLanguage("c++", ("cpp", "g++"), "gcc", naming=Naming.ALL, compiler_args=("-std=c++17",)),
    "f90": PistonLanguage("fortran", ("fortran", "f90"), "gcc", naming=Naming.ALL),
    "pas": PistonLanguage("pascal", ("freepascal", "pp", "pas")),
    "cs": PistonLanguage(
        "csharp", ("mono", "mono-csharp", "mono-c#", "mono-cs", "c#", "cs"), "mono", naming=Naming.ALL
    ),
    "ts": PistonLanguage("typescript", ("ts", "node-ts", "tsc"), naming=Naming.ALL),
    "coffee": PistonLanguage("coffeescript", ("coffeescript", "coffee")),
    "pypy": _script("pypy", "pypy3"),
    "awk": PistonLanguage("awk", ("gawk",)),
    "dash": _script("dash"),
    "zsh": _script("zsh"),
    "sql": PistonLanguage("sqlite3", ("sqlite", "sql")),
    "lisp": PistonLanguage("lisp", ("lisp", "cl", "sbcl", "commonlisp")),
    "erl": PistonLanguage("erlang", ("erlang", "erl", "escript")),
    "exs": PistonLanguage("elixir", ("elixir", "exs")),
    "prolog": PistonLanguage("prolog", ("prolog", "plg")),
    "asm": PistonLanguage("nasm64", ("asm64", "nasm", "asm")),
    "v": PistonLanguage("iverilog", ("verilog", "vvp")),
    "bf": PistonLanguage("brainfuck", ("bf",)),
    "forth": PistonLanguage("forth", ("gforth",)),
    "d": PistonLanguage("d", ("gdc",)),
    "cob": PistonLanguage("cobol", ("cob",)),
    "clj": PistonLanguage("clojure", ("clojure", "clj")),
    "groovy": PistonLanguage("groovy", ("groovy", "gvy")),
    "r": PistonLanguage("rscript", ("r",)),
    "raku": PistonLanguage("raku", ("raku", "rakudo", "perl6", "p6", "pl6")),
    "cr": PistonLanguage("crystal", ("crystal", "cr")),
    "octave": PistonLanguage("octave", ("matlab", "m")),
    "ml": PistonLanguage("ocaml", ("ocaml", "ml")),
    "scala": PistonLanguage("scala", ("sc",)),
    "kt": PistonLanguage("kotlin", ("kt",)),
    "rkt": PistonLanguage("racket", ("rkt",)),
    "hs": PistonLanguage("haskell", ("haskell", "hs")),
    "bas": PistonLanguage("basic", ("bas", "yabasic")),
    "el": PistonLanguage("emacs", ("emacs", "el", "elisp")),
}
