"""Finds the programs of a package: their files, their languages, and the file that is run. Pure."""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from shared.common.text.source_paths import faults_of
from shared.engine_api.languages import LANGUAGES, NAMES
from shared.engine_api.run_call.limits import MAX_FILES
from shared.judging.packages.archive import PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.fields import expanded_size
from shared.judging.packages.model import EVERY_LANGUAGE, SCRIPTS, PackageProgram

#: The languages of the problem format that are not here, and the extensions of their sources.
_NOT_HERE: Final = {
    "python2": "py2", "apl": "apl", "dart": "dart", "forth": "fth 4th forth frt", "fsharp": "fs", "julia": "jl",
    "modula2": "mod def", "nim": "nim", "objectivec": "m", "odin": "odin", "simula": "sim", "smalltalk": "st",
    "snobol": "sno", "swift": "swift", "visualbasic": "vb",
}  # fmt: skip
_PACKAGES: Final = {code: language.package for code, language in LANGUAGES.items() if language.package}
#: Our codes by the format's; "" if the language is not here.
_CODES: Final = {package.code: code for code, package in _PACKAGES.items()} | dict.fromkeys(_NOT_HERE, "")
#: Our codes by the extensions of sources; the format's code if the language is not here.
_KINDS: Final = {
    **{extension: code for code, package in _PACKAGES.items() for extension in package.extensions},
    **{extension: code for code, extensions in _NOT_HERE.items() for extension in extensions.split()},
}
#: The most programs of a kind that a package may have: more are no jury's, and each takes time.
MAX_PROGRAMS: Final = 500

#: Where programs may have constants: each place takes time.
_MAX_PLACES: Final = 1_000_000
_FIRST_LINE_BYTES: Final = 200
_PROLOG_BYTES: Final = 8192


def language_of(code: str) -> str | None:
    """Return our code for a code of the problem format, "" if the language is not here; None if it is unknown."""
    return _CODES.get(code.removesuffix("numpy").removesuffix("gmp").removesuffix("algs4"))


def main_file(paths: Mapping[str, str], language: str) -> str | None:
    """Return the path of the source in our `language` whose name makes it run first; None without such a name."""
    sources = (path for path in paths if _kind_by_name(path) == language and _rank(path)[0] < _UNNAMED)
    return min(sources, key=_rank, default=None)


_UNNAMED: Final = 3


def _rank(path: str) -> tuple[int, int, str]:
    """Return what sorts the files of a program: the one that is run comes first."""
    name = path.rpartition("/")[2]
    usual = name.lower().startswith("main.")
    rank = 0 if name == "Main.java" else 1 if name == "__main__.py" else 2 if usual else _UNNAMED
    return rank, path.count("/"), path


def _kind_by_name(path: str) -> str | None:
    return _KINDS.get(path.rpartition(".")[2]) if "." in path else None


def excess_of(archive: PackageArchive, paths: Collection[str], max_bytes: int) -> str:
    """Return a sentence on files that are too many or too long for one program; "" if they are not."""
    if len(paths) > MAX_FILES:
        return f"It has more than {MAX_FILES} files."
    size = sum(archive.files[path].size_bytes for path in paths)
    return f"Its files have {size} bytes; they may have {max_bytes}." if size > max_bytes else ""


class ProgramFinder:
    """Finds programs in an archive. `languages` are our codes that work here.

    `max_bytes` are those of all files of one program, also when their constants are replaced.
    """

    def __init__(
        self,
        archive: PackageArchive,
        languages: frozenset[str],
        max_bytes: int,
        constants: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._archive = archive
        self._languages = languages
        self._max_bytes = max_bytes
        self._constants = constants
        self._places = _MAX_PLACES

    def all_in(self, folder: str) -> list[PackageProgram]:
        """Return the programs that are files or folders, also of scripts; what is no program is left out."""
        children = (f"{folder}/{name}" for name in self._archive.children(folder))
        return [program for child in children if (program := self.find(child, scripts=True))]

    def find(
        self, path: str, *, scripts: bool = False, language: str | None = None, entry: str | None = None
    ) -> PackageProgram | None:
        """Return the program that is this file or folder; None if no file of it has a language.

        `language` is a code of ours and `entry` a path in the folder, where the package names them.
        """
        is_file = path in self._archive.files
        files = {path.rpartition("/")[2]: path} if is_file else self._archive.below(path)
        if scripts and not is_file and ("build" in files or "run" in files):
            program = PackageProgram(path, SCRIPTS, files, "run", "build" if "build" in files else None)
            return self._checked(program)
        if language is None:
            kinds = {name: kind for name, inner in files.items() if (kind := self._kind(inner))}
            if not kinds:
                return None
            times = Counter(kinds.values())
            best = min(times, key=lambda kind: (-times[kind], _PACKAGES[kind].rank if kind in _PACKAGES else math.inf))
            language = best if best in _PACKAGES else ""
            sources = [name for name, kind in kinds.items() if kind == best]
        else:
            sources = [name for name in files if _kind_by_name(name) == language]
        chosen = entry if entry in files else min(sources or files, key=_rank, default="")
        return self._checked(PackageProgram(path, language, files, chosen))

    def of_files(self, path: str, files: Mapping[str, str], language: str) -> PackageProgram:
        """Return the program of these files in our `language`, whose source is the file `path` of the package."""
        return self._checked(PackageProgram(path, language, files, path.rpartition("/")[2]))

    def check_includes(self, includes: Mapping[str, Mapping[str, str]], path: str, faults: FaultList) -> None:
        """Note the files for a language that are too many or too long, with those for every language."""
        for language, files in includes.items():
            both = {**includes.get(EVERY_LANGUAGE, {}), **files}
            if excess := self._excess(both.values()):
                faults.add(path, f"What {NAMES.get(language, 'every language')} includes is too large. {excess}")

    def _excess(self, paths: Collection[str]) -> str:
        excess = excess_of(self._archive, paths, self._max_bytes)
        if excess or not self._constants:
            return excess
        size = 0
        for path in paths:
            text = self._archive.beginning(path, self._max_bytes)
            self._places -= text.count(b"{{")
            if self._places < 0:
                return f"The programs have `{{{{` over {_MAX_PLACES} times."
            size += expanded_size(text, self._constants)
        return f"With constants its files have over {self._max_bytes} bytes." if size > self._max_bytes else ""

    def _kind(self, path: str) -> str | None:
        """Return our code for the language of a file, or the format's if the language is not here."""
        kind = _kind_by_name(path)
        if path.endswith(".py") and b"python2" in self._archive.beginning(path, _FIRST_LINE_BYTES).split(b"\n")[0]:
            return "python2" if self._archive.beginning(path, 2) == b"#!" else kind
        if path.endswith(".pl"):
            # Kattis means Prolog by it, DOMjudge Perl.
            text = self._archive.beginning(path, _PROLOG_BYTES)
            return "prolog" if b":-" in text and b"$" not in text else "pl"
        return kind

    def _checked(self, program: PackageProgram) -> PackageProgram:
        """Return the program, without a language and with the reason if it cannot run here."""
        code, entry = program.language, program.files.get(program.entry)
        paths = list(program.files)
        bad_path = next((f"{paths[position]}: {sentence}" for position, sentence in faults_of(paths)), "")
        if bad_path:
            fault = bad_path
        elif code not in self._languages:
            fault = f"{NAMES.get(code, 'Its language')} does not work here."
        elif entry and not self._archive.files[entry].size_bytes:
            fault = "The file that is run is empty."
        else:
            fault = self._excess(program.files.values())
        return replace(program, language="", fault=fault) if fault else program
