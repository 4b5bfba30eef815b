"""Reads programs and tests from files: what `precieux submit` and `precieux batch` send."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from precieux.errors import UsageError
from precieux.host import files
from precieux_client import TestCase, read_folder
from shared.engine_api.languages import LANGUAGES, check_lang

#: The languages by the extensions of their sources. The first counts, if its usual extension is not another's name.
_EXTENSIONS: Final = {
    extension: language.code
    for language in reversed(LANGUAGES.values())
    if check_lang(language.usual_extension) in (None, language.code)
    for extension in language.extensions
}
_INPUT_SUFFIX: Final = ".in"
_OUTPUT_SUFFIXES: Final = (".out", ".ans")


class NoProgram(UsageError):
    """There is no file in a known language, or several and none named main, or not the one that was named."""


@dataclass(frozen=True, slots=True)
class ProgramFiles:
    """The files of a program by their paths, the one that is run, and its language.

    `source` is set instead of `files` and `entry` if the program came from standard input, which has no name.
    """

    files: Mapping[str, bytes]
    source: str | None
    entry: str | None
    language: str


def read_program(paths: Sequence[Path], *, entry: str | None = None, language: str | None = None) -> ProgramFiles:
    """Return the program in a file, several files, a folder, a zip, or standard input (`-`). Raises `UsageError`."""
    if list(paths) == [files.STDIN]:
        if language is None:
            raise UsageError("A program from standard input has no name: give its language with --language.")
        return ProgramFiles({}, files.read(files.STDIN).decode("utf-8", "replace"), None, language)
    contents = _files(paths)
    if not contents:
        raise NoProgram(f"There is no file in {', '.join(map(str, paths))}.")
    if entry is not None and entry not in contents:
        raise NoProgram(f"--entry {entry} is not one of the files: {', '.join(list(contents)[:10])}.")
    language = language or _guess_language_of([entry] if entry else list(contents))
    if language is None:
        names = ", ".join(list(contents)[:3])
        raise NoProgram(f"The extension of {names} is not that of a known language: give one with --language.")
    return ProgramFiles(contents, None, entry or _main_of(contents, language), language)


def read_tests(pairs: Sequence[str], folder: Path | None) -> list[TestCase]:
    """Return the tests of pairs `INPUT:OUTPUT`, and of a folder with 1.in, 1.out, 2.in, and so on.

    Without an output, the program's is not compared. Raises `UsageError`.
    """
    tests = []
    for pair in pairs:
        input_name, _, output_name = pair.partition(":")
        text = files.read_text(Path(input_name))
        output = files.read_text(Path(output_name)) if output_name else None
        tests.append(TestCase(text, output, name=Path(input_name).stem))
    if folder is not None:
        inputs = [path for path in files.list_folder(folder) if path.suffix == _INPUT_SUFFIX]
        if not inputs:
            raise UsageError(f"{folder} has no tests: it needs files such as 1.in and 1.out.")
        tests += [_test_of(path) for path in sorted(inputs, key=lambda path: natural_key(path.name))]
    return tests


def files_of_no_test(folder: Path) -> list[str]:
    """Return the names in a folder of tests that `read_tests` does not use, except hidden ones. Raises `UsageError`."""
    paths = files.list_folder(folder)
    inputs = {path.stem for path in paths if path.suffix == _INPUT_SUFFIX}
    used = {f"{name}{suffix}" for name in inputs for suffix in (_INPUT_SUFFIX, *_OUTPUT_SUFFIXES)}
    return sorted((path.name for path in paths if path.name not in used and path.name[0] != "."), key=natural_key)


def guess_language(path: PurePosixPath | Path) -> str | None:
    """Return the code of the language that a file's extension names; None if it names none."""
    extension = path.suffix.removeprefix(".").lower()
    return check_lang(extension) or _EXTENSIONS.get(extension)


def _files(paths: Sequence[Path]) -> dict[str, bytes]:
    if len(paths) == 1 and paths[0].is_dir():
        return read_folder(paths[0])
    if len(paths) == 1 and paths[0].suffix.lower() == ".zip":
        return _unzip(paths[0])
    contents = {}
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: give one folder alone, or files.")
        if path.name in contents:
            raise UsageError(f"Two files are named {path.name}: put the files into a folder, and give that.")
        contents[path.name] = files.read(path)
    return contents


def _unzip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {member.filename: archive.read(member) for member in archive.infolist() if not member.is_dir()}
    except (OSError, zipfile.BadZipFile, RuntimeError) as exc:
        raise UsageError(f"{path} cannot be read as a zip: {exc}.") from exc


def _guess_language_of(names: Sequence[str]) -> str | None:
    """Return the language of the files; None if they have none. With several, it is that of the file named main.

    Raises `NoProgram` if there is no such file.
    """
    languages = {name: language for name in names if (language := guess_language(PurePosixPath(name)))}
    if len(set(languages.values())) > 1:
        languages = {name: language for name, language in languages.items() if _is_main(name)}
        if not languages:
            raise NoProgram("The files are in several languages, and none is named main: give one with --entry.")
    return next(iter(languages.values()), None)


def _main_of(files: Mapping[str, bytes], language: str) -> str:
    """Return the file to run: the only one in the language, or the one named main, or the first."""
    mine = [name for name in files if guess_language(PurePosixPath(name)) == check_lang(language)] or list(files)
    return next((name for name in mine if _is_main(name)), mine[0])


def _is_main(name: str) -> bool:
    return PurePosixPath(name).stem.lower() == "main"


def _test_of(path: Path) -> TestCase:
    expected = next(
        (path.with_suffix(suffix) for suffix in _OUTPUT_SUFFIXES if path.with_suffix(suffix).exists()), None
    )
    return TestCase(files.read_text(path), files.read_text(expected) if expected else None, name=path.stem)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts 10.in after 9.in."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]
