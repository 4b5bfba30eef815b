"""The files that pages load: style sheets, scripts and packages of others, in memory.

Their addresses contain a digest of them all, so browsers keep them for good. A script that imports another one by a
relative address gets the file of the same release.
"""

import gzip
import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: A relative address that a module imports, with or without names from it.
_IMPORT: Final = re.compile(r"""\b(?:from|import)\s*["'](\.\.?/[^"']+)["']""")
_FILES: Final = {
    path.relative_to(_FOLDER).as_posix(): path.read_bytes()
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in _TYPES
}


DIGEST: Final = hashlib.sha256(
    b"".join(f"{name}\n{len(content)}\n".encode() + content for name, content in _FILES.items())
).hexdigest()[:16]


def asset(name: str) -> tuple[bytes, str] | None:
    """Return a file and its media type; None if the name is unknown."""
    content = _FILES.get(name)
    return None if content is None else (content, f"{_TYPES[Path(name).suffix]}; charset=utf-8")


@cache
def modules(*names: str) -> tuple[str, ...]:
    """Return these scripts and all that they import, so that a page can load them at once.

    Scripts that are imported on demand, by `import()`, are not among them.
    """
    imported: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in imported:
            imported[name] = None
            paths = (posixpath.join(posixpath.dirname(name), path) for path in _IMPORT.findall(_FILES[name].decode()))
            waiting += map(posixpath.normpath, paths)
    return tuple(imported)


@cache
def compressed(name: str) -> bytes:
    """Return a file that exists, compressed with gzip."""
    return gzip.compress(_FILES[name], mtime=0)
