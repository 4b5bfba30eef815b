"""`python -m tests.public_packages DIR` reads all problem packages of a folder, and compares them with a table.

A package is a zip or a folder in DIR. A row of `public_packages.tsv` has its name, the SHA-256 of its files, and what
becomes of it: `read` with some numbers, or its first fault. A package that has no row, or another digest, is printed as
a row to add. Packages that are not in DIR are left out: they are not in the repository.
"""

import hashlib
import io
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from precieux.programs.package import read_package as packed
from shared.engine_api.languages import NAMES
from shared.judging.packages.faults import PackageError
from shared.judging.packages.read import read_package
from tests.problem_packages import BOUNDS, MIB

TABLE: Final = Path(__file__).with_suffix(".tsv")
_BOUNDS: Final = replace(BOUNDS, bytes=2048 * MIB, test_bytes=100 * MIB, tests=1000, languages=frozenset(NAMES))


def row_of(path: Path) -> str:
    """Return the row of a package."""
    archive = packed(path)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = {info.filename: hashlib.sha256(opened.read(info)).hexdigest() for info in opened.infolist()}
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    try:
        package = read_package(io.BytesIO(archive), _BOUNDS, name=path.stem)
        result = f"read, {package.format}, {len(package.tests)} tests, {len(package.warnings)} warnings"
    except PackageError as error:
        result = f"{error.faults[0].path}: {error.faults[0].detail}"
    return "\t".join((path.stem, digest, " ".join(result.split())))


def differences(folder: Path) -> list[str]:
    """Return the rows of packages in a folder that the table does not have."""
    known = TABLE.read_text().splitlines()
    return [row for path in sorted(folder.iterdir()) if (row := row_of(path)) not in known]


if __name__ == "__main__":
    found = differences(Path(sys.argv[1]))
    print("\n".join(found) or "All packages are read as the table says.")
    sys.exit(bool(found))
