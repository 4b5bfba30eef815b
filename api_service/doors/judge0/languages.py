"""Judge0's ids of our languages, and of those that it has archived."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from api_service.languages.catalog import EngineLanguage, LanguageCatalog

#: Code -> the ids of the language in Judge0, and its name, in which `{}` stands for the version of the tools. Clients
#: know the language by the first id. The other ids belong to other versions in Judge0.
_ACTIVE: Final[dict[str, tuple[tuple[int, ...], str]]] = {
    "asm": ((45,), "Assembly (NASM {})"),
    "bash": ((46,), "Bash ({})"),
    "c": ((50, 48, 49, 103), "C (GCC {})"),
    "clang": ((75, 104, 110), "C (Clang {})"),
    "clangpp": ((76,), "C++ (Clang {})"),
    "clj": ((86,), "Clojure ({})"),
    "cob": ((77,), "COBOL (GnuCOBOL {})"),
    "cpp": ((54, 52, 53, 105), "C++ (GCC {})"),
    "cs": ((51,), "C# (Mono {})"),
    "d": ((56,), "D (LDC {})"),
    "erl": ((58,), "Erlang (OTP {})"),
    "exs": ((57,), "Elixir ({})"),
    "f90": ((59,), "Fortran (GFortran {})"),
    "go": ((60, 95, 106, 107), "Go ({})"),
    "gprolog": ((69,), "Prolog (GNU Prolog {})"),
    "groovy": ((88,), "Groovy ({})"),
    "hs": ((61,), "Haskell (GHC {})"),
    "java": ((62, 91), "Java (OpenJDK {})"),
    "js": ((63, 93, 97, 102), "JavaScript (Node.js {})"),
    "kt": ((78, 111), "Kotlin ({})"),
    "lisp": ((55,), "Common Lisp (SBCL {})"),
    "lua": ((64,), "Lua ({})"),
    "ml": ((65,), "OCaml ({})"),
    "octave": ((66,), "Octave ({})"),
    "pas": ((67,), "Pascal (FPC {})"),
    "php": ((68, 98), "PHP ({})"),
    "pl": ((85,), "Perl ({})"),
    "py": ((71, 92, 100, 109, 113), "Python ({})"),
    "r": ((80, 99), "R ({})"),
    "rb": ((72,), "Ruby ({})"),
    "rs": ((73, 108), "Rust ({})"),
    "scala": ((81, 112), "Scala ({})"),
    "sql": ((82,), "SQL (SQLite {})"),
    "ts": ((74, 94, 101), "TypeScript ({})"),
}
#: The names of source files in Judge0, where ours differ.
_SOURCE_FILES: Final = {
    "bash": "script.sh", "cs": "Main.cs", "exs": "script.exs", "gprolog": "main.pro", "groovy": "script.groovy",
    "js": "script.js", "kt": "Main.kt", "lisp": "script.lisp", "lua": "script.lua", "octave": "script.m",
    "php": "script.php", "pl": "script.pl", "py": "script.py", "r": "script.r", "rb": "script.rb",
    "scala": "Main.scala", "sql": "script.sql", "ts": "script.ts",
}  # fmt: skip

#: The language whose programs print their source.
PLAIN_TEXT: Final = 43
#: The language whose source is an executable file.
EXECUTABLE: Final = 44
#: The language whose program is in the additional files.
MULTI_FILE: Final = 89
#: Id of a language that we run by a script in Bash -> its name, and the name of its source file.
_OF_BASH: Final = {
    PLAIN_TEXT: ("Plain Text", "text.txt"),
    EXECUTABLE: ("Executable", "a.out"),
    MULTI_FILE: ("Multi-file program", None),
}

#: Those that Judge0 has archived, by their ids from 1.
_ARCHIVED: Final = (
    "Bash (4.4)", "Bash (4.0)", "Basic (fbc 1.05.0)", "C (gcc 7.2.0)", "C (gcc 6.4.0)", "C (gcc 6.3.0)",
    "C (gcc 5.4.0)", "C (gcc 4.9.4)", "C (gcc 4.8.5)", "C++ (g++ 7.2.0)", "C++ (g++ 6.4.0)", "C++ (g++ 6.3.0)",
    "C++ (g++ 5.4.0)", "C++ (g++ 4.9.4)", "C++ (g++ 4.8.5)", "C# (mono 5.4.0.167)", "C# (mono 5.2.0.224)",
    "Clojure (1.8.0)", "Crystal (0.23.1)", "Elixir (1.5.1)", "Erlang (OTP 20.0)", "Go (1.9)", "Haskell (ghc 8.2.1)",
    "Haskell (ghc 8.0.2)", "Insect (5.0.0)", "Java (OpenJDK 9 with Eclipse OpenJ9)", "Java (OpenJDK 8)",
    "Java (OpenJDK 7)", "JavaScript (nodejs 8.5.0)", "JavaScript (nodejs 7.10.1)", "OCaml (4.05.0)", "Octave (4.2.0)",
    "Pascal (fpc 3.0.0)", "Python (3.6.0)", "Python (3.5.3)", "Python (2.7.9)", "Python (2.6.9)", "Ruby (2.4.0)",
    "Ruby (2.3.3)", "Ruby (2.2.6)", "Ruby (2.1.9)", "Rust (1.20.0)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Language:
    """A language under one of its ids. `engine_language` runs its programs; None if it is archived.

    `source_file` is None if its programs have no source of their own.
    """

    id: int
    name: str
    source_file: str | None
    engine_language: EngineLanguage | None

    @property
    def is_archived(self) -> bool:
        return self.engine_language is None

    @property
    def is_compiled(self) -> bool:
        details = self.engine_language.details if self.engine_language else None
        return self.id not in _OF_BASH and bool(details and details.compiled)

    def listed(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}

    def described(self) -> dict[str, Any]:
        """Return the answer to `GET /languages/{id}`."""
        details = self.engine_language.details if self.engine_language else None
        has_commands = details is not None and self.id not in _OF_BASH
        return {
            **self.listed(),
            "is_archived": self.is_archived,
            "source_file": self.source_file,
            "compile_cmd": details.compile if details and has_commands else None,
            "run_cmd": (details.run or "") if details and has_commands else "",
        }


def languages(catalog: LanguageCatalog) -> list[Language]:
    """Return the languages that can be used, by name."""
    return sorted(_usable(catalog), key=_by_name)


def all_languages(catalog: LanguageCatalog) -> list[Language]:
    """Return the languages that can be used and those that are archived, by name."""
    archived = (Language(number, name, "", None) for number, name in enumerate(_ARCHIVED, 1))
    return sorted([*_usable(catalog), *archived], key=_by_name)


def find(catalog: LanguageCatalog, number: int) -> Language | None:
    """Return the language with this id; None if there is none."""
    return next((language for language in all_languages(catalog) if language.id == number), None)


def _usable(catalog: LanguageCatalog) -> Iterator[Language]:
    for code, (numbers, name) in _ACTIVE.items():
        if (engine_language := catalog.find(code)) is not None:
            version = (engine_language.details and engine_language.details.version) or ""
            for number in numbers:
                shown = name.format(version) if version else name.partition(" (")[0]
                yield Language(number, shown, _SOURCE_FILES.get(code, engine_language.main), engine_language)
    if (bash := catalog.find("bash")) is not None:
        for number, (name, source_file) in _OF_BASH.items():
            yield Language(number, name, source_file, bash)


def _by_name(language: Language) -> tuple[str, int]:
    return language.name, language.id
