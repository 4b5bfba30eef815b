"""Reads a problem package from a zip, in any format."""

from dataclasses import replace
from typing import BinaryIO

from shared.judging.packages.archive import MARKERS, PackageArchive
from shared.judging.packages.faults import FaultList
from shared.judging.packages.kattis import read_kattis
from shared.judging.packages.model import Package, PackageBounds
from shared.judging.packages.polygon import read_polygon


def read_package(file: BinaryIO, bounds: PackageBounds, *, name: str = "") -> Package:
    """Return the problem package in a zip. `name` names it if nothing in it does.

    Reads each entry once, in pieces. It takes seconds for a large package, so call it off the event loop. Raises
    `shared.judging.packages.faults.PackageError` with everything that is wrong.
    """
    faults = FaultList()
    archive = PackageArchive(file, bounds, faults)
    if not any(marker in archive.files for marker in MARKERS):
        raise faults.fail("", f"There is none of {', '.join(MARKERS)} at the top or in the only folder.")
    read = read_polygon if MARKERS[0] in archive.files else read_kattis
    package = read(archive, bounds, faults, name)
    faults.check()
    return replace(package, warnings=tuple(faults.warnings()))
