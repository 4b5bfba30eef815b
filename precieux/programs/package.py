"""Makes the zip of a problem package from its folder."""

import io
import re
import zipfile
from pathlib import Path
from typing import Final

from precieux.errors import UsageError
from precieux.host import files

#: A part of a path in a package of Kattis. Files with other names count as absent, so they are not sent.
_NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}", re.ASCII)
_TIME_LIMIT: Final = ".timelimit"
_POLYGON: Final = "problem.xml"


def read_package(path: Path) -> bytes:
    """Return the zip of a folder, or of a file that is one. The same files always give the same bytes."""
    if not path.is_dir():
        return files.read(path)
    packed, root = io.BytesIO(), path.resolve()
    is_polygon = (path / _POLYGON).exists()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path)
            if file.is_dir() or not (is_polygon or _is_named(name)):
                continue
            # A link to a file of the package counts as a copy of it.
            if not file.resolve().is_relative_to(root):
                raise UsageError(f"{file} leads out of the package; put a copy of the file there.")
            archive.writestr(zipfile.ZipInfo(name.as_posix()), files.read(file), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _is_named(name: Path) -> bool:
    return name.as_posix() == _TIME_LIMIT or all(_NAME.fullmatch(part) for part in name.parts)
