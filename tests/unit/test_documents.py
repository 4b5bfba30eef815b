"""The documents name files, modules, links and decisions that exist, and quote figures from where they are kept."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_ROOT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = [*sorted(_ROOT.glob("*.md")), *sorted(_ROOT.glob("docs/**/*.md"))]
_FOLDERS: Final = sorted(path.name for path in _ROOT.iterdir() if path.is_dir() and path.name.isidentifier())
_CODE: Final = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_LINK: Final = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
_PATH: Final = re.compile(rf"(?<![\w./~$@-])(?:{'|'.join(_FOLDERS)})/[\w./*{{}},<>-]*")
_MODULE: Final = re.compile(rf"(?<![\w./-])(?:{'|'.join(_FOLDERS)})(?:\.\w+)+")
_FILE_NAME: Final = re.compile(r"`([\w./-]+\.(?:py|c|h|csv|js|java|toml|yml|yaml|json|cfg))`")

#: Files that are not of the repository: those of programs, and one that a command of a page makes.
_OTHERS: Final = {"main.py", "main.c", "main.js", "crash.py", "random.py", "docker-compose.pinned.yml"}


def _texts() -> Iterator[tuple[str, str]]:
    for document in _DOCUMENTS:
        yield str(document.relative_to(_ROOT)), document.read_text()


@cache
def _files() -> list[str]:
    """Return every file of the repository, by its path from the root, with a slash before it."""
    tops = [path for path in _ROOT.iterdir() if path.is_file() or path.name in (*_FOLDERS, ".ci")]
    inside = (path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]))
    return [f"/{path.relative_to(_ROOT)}" for path in inside if "__pycache__" not in path.parts]


def _anchors(document: Path) -> set[str]:
    """Return the names by which GitHub links to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _alternatives(path: str) -> list[str]:
    """Return the paths that one with `{a,b}` is short for."""
    if found := re.search(r"{([^{}]*)}", path):
        return [other for word in found[1].split(",") for other in _alternatives(path.replace(found[0], word))]
    return [path]


def _is_there(path: str) -> bool:
    pattern = "/" + re.sub(r"<\w+>", "*", path).rstrip("./")
    return (_ROOT / path).exists() or any(fnmatch(file, pattern) for file in _files())


def test_links_lead_somewhere() -> None:
    broken = []
    for name, text in _texts():
        for link in _LINK.findall(_CODE.sub("", text)):
            file, _, anchor = unquote(link).partition("#")
            target = (_ROOT / name).parent / file if file else _ROOT / name
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append((name, link))
    assert not broken


def test_paths_exist() -> None:
    missing = [
        (name, found)
        for name, text in _texts()
        for found in _PATH.findall(text)
        if not all(map(_is_there, _alternatives(found)))
    ]
    assert not missing


def test_modules_exist() -> None:
    missing = []
    for name, text in _texts():
        for found in _MODULE.findall(text):
            parts = found.split(".")
            # The last parts may name a class or a function of the module, or a file's extension.
            places = [_ROOT.joinpath(*parts[:length]) for length in range(len(parts), 1, -1)]
            if not any(place.is_dir() or place.with_suffix(".py").exists() for place in places):
                missing.append((name, found))
    assert not missing


def test_file_names_exist() -> None:
    missing = [
        (name, found)
        for name, text in _texts()
        for found in _FILE_NAME.findall(text)
        if found not in _OTHERS and not any(file.endswith(f"/{found}") for file in _files())
    ]
    assert not missing
