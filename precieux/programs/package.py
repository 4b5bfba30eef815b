"""Makes the zip of a problem package from its folder."""

import io
import re
import zipfile
from pathlib import Path
from typing import Final

from precieux import terminal
from precieux.errors import UsageError
from precieux.host import files

#: A part of a path in a package of Kattis. Files with other names count as absent, so they are not sent.
_NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}", re.ASCII)
_TIME_LIMIT: Final = ".timelimit"
_POLYGON: Final = "problem.xml"


def read_package(path: Path) -> bytes:
    """Return the zip of a folder, or of a file that is one. The same files always give the same bytes."""
    if not path.is_dir():
        package = files.read(path)
        if not zipfile.is_zipfile(io.BytesIO(package)):
            raise UsageError(f"{path} is neither a folder nor a zip: name the folder or the zip of the package.")
        return package
    packed, folder = io.BytesIO(), path.resolve()
    repository = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    is_polygon = (path / _POLYGON).exists()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path.rglob("*")):
            name = file.relative_to(path)
            if file.is_dir() or not (is_polygon or _is_named(name)):
                continue
            # A link within the repository counts as a copy of its file. Others may lead to what nobody else must see.
            if file.is_symlink() and not _is_shared(file.resolve(), repository):
                terminal.complain(f"{file} leads out of the package, or nowhere, so it is left out.")
                continue
            archive.writestr(zipfile.ZipInfo(name.as_posix()), files.read(file), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _is_shared(target: Path, top: Path) -> bool:
    """Return True for a file below a folder that is not hidden there."""
    return target.is_file() and target.is_relative_to(top) and "/." not in f"/{target.relative_to(top)}"


def _is_named(name: Path) -> bool:
    return name.as_posix() == _TIME_LIMIT or all(_NAME.fullmatch(part) for part in name.parts)
