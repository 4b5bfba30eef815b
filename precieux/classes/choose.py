"""Decides which file of what a person handed in is the program, or why nothing of it can run."""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from precieux.classes.sources.work import Work
from precieux.classes.tree import Tree, TreeFile, UnreadableFile, is_left_out, opened_zip, without_only_folder
from precieux.programs.read import ProgramFiles, guess_language
from shared.common.text.control_characters import replace_controls
from shared.engine_api.languages import LANGUAGES, check_lang

_MAX_FILES: Final = 1000
_MAX_BYTES: Final = 20 << 20
_ARCHIVES: Final = (".rar", ".7z", ".tar", ".tgz", ".gz", ".xz")
_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SHOWN_NAMES: Final = 3
_MAX_NAME: Final = 60
_LINE_END: Final = re.compile(r"<br\s*/?>|</p\s*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")
#: How a program names other files of its own: modules, headers, paths.
_IMPORTS: Final = re.compile(
    rb"^[ \t]*(?:from\s+([\w.]+)\s+import\s+([\w, ]+)|import\s+([\w., ]+))"
    rb"|#\s*include\s*\"([^\"]+)\"|require\(\s*[\"']([^\"']+)",
    re.MULTILINE,
)
_JAVA_MAIN: Final = re.compile(rb"\bstatic\s+void\s+main\s*\(")


class NotRun(Exception):
    """Nothing of what was handed in can run. The text is a sentence that says why."""


def program_of(work: Work, entry: str | None, language: str | None, max_bytes: int | None = None) -> ProgramFiles:
    """Return the program in what was handed in. `entry` is a pattern. Raises `NotRun`."""
    files = _kept(work.files)
    if not any(file.size for file in files.values()):
        return _online(work, language)
    zips = [path for path in files if path.lower().endswith(".zip")]
    if not zips or any(_language(path, language) or (entry and _fits(path, entry)) for path in files):
        return _chosen(files, entry, language, max_bytes)
    if len(zips) > 1:
        raise NotRun(_unclear(zips))
    try:
        with opened_zip(files[zips[0]].read(), max_files=_MAX_FILES, max_bytes=_MAX_BYTES) as found:
            inside = _kept({path: file for path, file in found if file is not None})
            if not any(file.size for file in inside.values()):
                raise NotRun("the submission is empty.")
            return _chosen(inside, entry, language, max_bytes)
    except UnreadableFile as exc:
        raise NotRun(f"{short(zips[0])} cannot be opened: {exc}.") from exc


def short(name: str) -> str:
    """Return a name as one line may show it."""
    return replace_controls(name.replace("\n", " ").replace("\t", " "))[:_MAX_NAME]


def _kept(files: Tree) -> Tree:
    return without_only_folder({path: file for path, file in files.items() if not is_left_out(path)})


def _chosen(files: Tree, entry: str | None, language: str | None, max_bytes: int | None) -> ProgramFiles:
    size = sum(file.size for file in files.values())
    if max_bytes is not None and size > max_bytes:
        raise NotRun(f"its files have {size:,} bytes; the server takes {max_bytes:,}.")
    name = ""
    try:
        contents = {}
        for name, file in files.items():
            contents[name] = file.read()
    except UnreadableFile as exc:
        raise NotRun(f"{short(name)} cannot be opened: {exc}.") from exc
    path = _entry_of(contents, entry, language)
    found = language or _language(path, None)
    if found is None:
        raise NotRun(_no_program(contents))
    return ProgramFiles(contents, None, path, found)


def _entry_of(contents: Mapping[str, bytes], pattern: str | None, language: str | None) -> str:
    """Return the file that runs."""
    if pattern is not None:
        return _named(contents, pattern)
    candidates = [path for path in contents if _language(path, language)]
    if not candidates:
        raise NotRun(_no_program(contents))
    mains = [path for path in candidates if PurePosixPath(path).stem.lower() == "main"]
    for choice in (candidates, mains, _roots(contents, candidates)):
        if len(choice) == 1:
            return choice[0]
    raise NotRun(_unclear(candidates))


def _named(paths: Iterable[str], pattern: str) -> str:
    fitting = [path for path in paths if _fits(path, pattern)]
    if not fitting:
        raise NotRun(f"no file fits --entry {pattern} ({_some(list(paths))}).")
    top = min(path.count("/") for path in fitting)
    nearest = [path for path in fitting if path.count("/") == top]
    if len(nearest) > 1:
        count = _NUMBERS[len(fitting)] if len(fitting) < len(_NUMBERS) else f"{len(fitting)}"
        raise NotRun(f"{count} files fit --entry {pattern} ({_some(fitting)}).")
    return nearest[0]


def _fits(path: str, pattern: str) -> bool:
    name = path if "/" in pattern else path.rpartition("/")[2]
    name, pattern = (unicodedata.normalize("NFC", text).casefold() for text in (name, pattern))
    return fnmatchcase(name, pattern)


def _roots(contents: Mapping[str, bytes], candidates: Sequence[str]) -> list[str]:
    """Return the candidates that no other of them imports or includes; of Java, those that have a main method."""
    if all(_language(path, None) == "java" for path in candidates):
        return [path for path in candidates if _JAVA_MAIN.search(contents[path])]
    imported = {path: _imported(contents[path]) for path in candidates}
    return [
        path
        for path in candidates
        if not any(PurePosixPath(path).stem in imported[other] for other in candidates if other != path)
    ]


def _imported(source: bytes) -> set[str]:
    """Return the names, without folders and extensions, of what a source imports or includes."""
    names: set[str] = set()
    for module, of_module, modules, header, required in _IMPORTS.findall(source):
        for text in (header, required):
            names.add(PurePosixPath(text.decode("utf-8", "replace")).stem)
        words = b",".join((module, of_module, modules)).decode("utf-8", "replace")
        names.update(re.findall(r"\w+", words))
    return names


def _language(path: str, wanted: str | None) -> str | None:
    """Return the language of a file's extension; None if it is not known, or not the one that is wanted."""
    found = guess_language(PurePosixPath(path))
    return found if wanted is None or found == (check_lang(wanted) or wanted) else None


def _online(work: Work, language: str | None) -> ProgramFiles:
    """Return the program in an online text."""
    if work.text is None:
        raise NotRun("it is a link, and no file." if work.is_link else "the submission is empty.")
    if language is None:
        raise NotRun("it is an online text; --language says of which language.")
    code = check_lang(language)
    name = LANGUAGES[code].main_file if code else "main"
    source = _plain(work.text)
    if not source.strip():
        raise NotRun("the submission is empty.")
    return ProgramFiles({name: source.encode()}, None, name, language)


def _plain(text: TreeFile) -> str:
    try:
        marked_up = text.read().decode("utf-8-sig", "replace")
    except UnreadableFile as exc:
        raise NotRun(f"its online text cannot be opened: {exc}.") from exc
    # Where no tag ends, each `<` would look for its end in all that follows.
    tags, end, rest = _LINE_END.sub("\n", marked_up).rpartition(">")
    return html.unescape(_TAG.sub("", tags + end) + rest).replace("\xa0", " ")


def _no_program(paths: Iterable[str]) -> str:
    closed = [path for path in paths if path.lower().endswith(_ARCHIVES)]
    if closed:
        return f"{short(closed[0])} is not opened; only zips are."
    return f"there is no program in it ({_some(list(paths))})."


def _unclear(paths: Sequence[str]) -> str:
    return f"it is not clear which file is the program ({_some(paths)}); --entry says it."


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN_NAMES} more" if len(paths) > _SHOWN_NAMES else ""
    return f"{', '.join(map(short, paths[:_SHOWN_NAMES]))}{more}"
